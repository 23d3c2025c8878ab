"""The prefix of every path: one spelling for the pages, and a pattern for the spellings of browsers and proxies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from tornado import web

from orderfox_nb.errors import SettingError

# What a browser leaves as it is in a path. Everything else is percent-encoded, as the browser does.
_PLAIN: Final = "/@~:+,="
_MAX_LENGTH: Final = 200
TEMPLATES: Final = Path(__file__).parent / "templates"


def parse_base_url(text: str) -> str:
    """Return the prefix as pages write it, with a slash at both ends.

    Raises:
        SettingError: It cannot be the beginning of a path.
    """
    inside = unquote(text).strip("/")
    parts = inside.split("/") if inside else []
    if len(text) > _MAX_LENGTH or not inside.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise SettingError("--base-url", text, "a path such as /desk/")
    if re.search(r"[?#\\\s]", text):
        raise SettingError("--base-url", text, "a path such as /desk/, without ? and #")
    return f"/{quote(inside, safe=_PLAIN)}/" if inside else "/"


def base_pattern(base_url: str) -> str:
    """Return the regular expression of a prefix: each sign as it is, or percent-encoded."""
    return "".join(_either(sign) for sign in unquote(base_url))


def _either(sign: str) -> str:
    if sign == "/" or (sign.isascii() and sign.isalnum()):
        return sign
    encoded = "".join(f"%{byte:02X}" for byte in sign.encode())
    return f"(?:{re.escape(sign)}|(?i:{encoded}))"


class ToBase(web.RequestHandler):
    """Leads ``/`` and the prefix without its slash to the dashboard.

    A proxy that strips the prefix would cause a redirect loop, so a browser gets a page that redirects in script,
    or explains the problem if the address is already right.
    """

    def initialize(self, base_url: str) -> None:
        self._base_url = base_url

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        for name, value in self.settings.get("headers", {}).items():
            self.set_header(name, value)

    def get(self) -> None:
        """Redirect a program, and let a browser find out whether it is there already."""
        query = f"?{self.request.query}" if self.request.query else ""
        if "text/html" not in self.request.headers.get("Accept", ""):
            self.redirect(self._base_url + query)
            return
        self.set_header("Cache-Control", "no-store")
        self.render("to_base.html", base_url=self._base_url)

    def head(self) -> None:
        """Redirect, as for a program that reads the page."""
        self.redirect(self._base_url)

    def get_template_path(self) -> str:
        """Our own templates, not those of Jupyter."""
        return str(TEMPLATES)
