"""The built site as its files say it is: links, anchors, and what a browser would load."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "input": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "src",
    "track": "src",
    "video": "src",
}
"""What a browser loads without a click, by the element's name."""
NOT_LOADED = {"canonical", "next", "prev", "author", "alternate"}
"""Relations of a ``link`` that only name a page."""


class BuiltPage(HTMLParser):
    """A page of the built site."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.styles: list[str] = []
        self._in_style = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        self.ids.update(values[name] for name in ("id", "name") if name in values)
        self.styles.append(values.get("style", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        attribute = LOADING.get(tag, "")
        if attribute in values and not (tag == "link" and values.get("rel") in NOT_LOADED):
            self.loaded.append(values[attribute])
        self.loaded += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def pages(site: Path) -> dict[Path, BuiltPage]:
    """Return every page by its path."""
    return {path: BuiltPage(path) for path in sorted(site.rglob("*.html"))}


def is_foreign(url: str) -> bool:
    """Return whether a URL names a host."""
    return bool(urlsplit(url).netloc)


def broken_links(built: dict[Path, BuiltPage]) -> list[str]:
    """Return the links inside the site that have no page or no anchor."""
    broken: list[str] = []
    for path, page in built.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or parts.path.startswith("/"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in built[target].ids):
                broken.append(f"{path.name}: {link}")
    return broken


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve the site, as any web server would, and give its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(30)
