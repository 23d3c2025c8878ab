# Tornado's futures and Voila's handlers have no types, and mixins change what they inherit.
# pyright: reportIncompatibleMethodOverride=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
"""The start page, the page of each notebook, and the pictures of their cards."""

from __future__ import annotations

import html
from functools import cache
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import tornado.web

from orderfox_nb.server.page_routes import DashboardPage, PlainErrors
from orderfox_nb.server.pieces import send_in_pieces
from orderfox_nb.server.start.card import Card
from orderfox_nb.server.start.shape import shape
from orderfox_nb.server.start.site import Site
from orderfox_nb.server.viewer.contents import FolderContents
from orderfox_nb.server.viewer.handlers import PageForAll
from orderfox_nb.server.viewer.rendering import failure_text

_TEMPLATES: Final = Path(__file__).parents[1] / "templates"
_PICTURE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""A picture that is opened as a page of its own: an SVG runs and loads nothing."""
_YEAR_S: Final = 31_536_000


class ToStart(PlainErrors):
    """The address without its last slash."""

    def get(self) -> None:
        """Redirect to the start page."""
        self.redirect(f"{self.request.path}/")

    head = get


class StartPage(PlainErrors):
    """Every notebook as a card."""

    def initialize(self, site: Site, base_url: str, *, simulated: bool, kernel_per_viewer: bool) -> None:
        self._site = site
        self._base_url = base_url
        self._simulated = simulated
        self._kernel_per_viewer = kernel_per_viewer

    async def get(self) -> None:
        """Send the page."""
        cards = await self._site.cards()
        self.set_header("Cache-Control", "no-cache")
        self.render(
            "start.html",
            include_text=_template_text,
            base_url=self._base_url,
            simulated=self._simulated,
            built_in=[self._shown(card) for card in cards.built_in],
            notebooks=[self._shown(card) for card in cards.folder],
            with_folder=self._site.folder is not None,
            left_out=cards.left_out,
        )

    async def head(self) -> None:
        """Send the headers alone."""
        self.set_header("Cache-Control", "no-cache")

    def get_template_path(self) -> str:
        """Our own templates, not those of Jupyter."""
        return str(_TEMPLATES)

    def _shown(self, card: Card) -> dict[str, Any]:
        page = f"{self._base_url}pages/{quote(card.name, safe='')}"
        pictures = [
            (scheme, f"{page}/picture?scheme={scheme}&v={picture.tag}")
            for scheme, picture in (("light", card.light), ("dark", card.dark))
            if picture is not None
        ]
        return {
            "address": self._base_url if card.path == self._site.main else page,
            "title": card.title,
            "summary": card.summary,
            "pictures": pictures,
            "shape": shape(card.name),
            "kernel": self._kernel_per_viewer or card.kernel_per_viewer,
            "problem": self._site.problem(card),
        }


class NotebookPage(PageForAll, DashboardPage):
    """A notebook of the start page, with a kernel for each viewer where it asks for that."""

    def initialize(self, site: Site, kernel_per_viewer: bool, **voila: Any) -> None:  # type: ignore[override]
        super().initialize(**voila)
        self._site = site
        self._kernel_per_viewer = kernel_per_viewer
        self._contents: Any = None

    async def get(self, name: str) -> None:  # type: ignore[override]
        """Send the page."""
        card = await self._find(name)
        if card.path == self._site.main:
            query = f"?{self.request.query}" if self.request.query else ""
            self.redirect(self.settings["base_url"] + query)
        elif card.problem:
            self._send_problem(card)
        elif self._kernel_per_viewer or card.kernel_per_viewer:
            self.notebook_path = card.path.name
            self.folder = str(card.path.parent)
            self._contents = FolderContents(root_dir=self.folder)
            await DashboardPage.get(self)
        else:
            await self.send_page(self._site.pages(card))

    async def head(self, name: str) -> None:  # type: ignore[override]
        """Send the headers alone, without making the page."""
        await self._find(name)
        self.set_header("Content-Type", "text/html; charset=UTF-8")

    @property
    def contents_manager(self) -> Any:
        """What reads the notebook of this page."""
        return self._contents or super().contents_manager

    async def _find(self, name: str) -> Card:
        card = await self._site.find(name)
        if card is None:
            raise tornado.web.HTTPError(404)
        return card

    def _send_problem(self, card: Card) -> None:
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        text = html.escape(failure_text(card.problem))
        start = html.escape(self.settings["base_url"])
        self.finish(
            f'<!DOCTYPE html><html lang="en"><title>{html.escape(card.title)}</title>'
            f'<p role="alert">{text}</p><p><a href="{start}pages/">All pages</a></p></html>\n'
        )


class CardPicture(PlainErrors):
    """The picture of a card."""

    def initialize(self, site: Site) -> None:
        self._site = site

    async def get(self, name: str) -> None:
        """Send the picture for a light or a dark page."""
        card = await self._site.find(name)
        dark = self.get_query_argument("scheme", "light") == "dark"
        picture = None if card is None else card.dark if dark else card.light
        if picture is None:
            raise tornado.web.HTTPError(404)
        self.set_header("Content-Type", picture.kind)
        self.set_header("Content-Security-Policy", _PICTURE_POLICY)
        current = self.get_query_argument("v", "") == picture.tag
        self.set_header("Cache-Control", f"public, max-age={_YEAR_S}, immutable" if current else "no-cache")
        self.set_header("ETag", f'"{picture.tag}"')
        if self.check_etag_header():
            self.set_status(304)
            return
        await send_in_pieces(self, picture.data)


def is_simulated(source: str) -> bool:
    """Return whether every venue of a source is the embedded exchange."""
    return all(one.strip().partition("?")[0] == "sim" for one in source.split(","))


@cache
def _template_text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def start_rules(
    voila: list[Any], prefix: str, site: Site, *, base_url: str, simulated: bool, kernel_per_viewer: bool
) -> list[Any]:
    """Return the routes of the start page and of what it leads to.

    Args:
        voila: Those of Voila's page, whose options a notebook with a kernel needs.
        prefix: Pattern of the base URL.
        site: What is shown.
        base_url: Prefix of every path.
        simulated: Whether the data is simulated.
        kernel_per_viewer: Whether every notebook has a kernel for each viewer.
    """
    options = next(cast("dict[str, Any]", rule[2]) for rule in voila if rule[1] is DashboardPage)
    every = {"site": site, "kernel_per_viewer": kernel_per_viewer}
    return [
        (f"{prefix}pages", ToStart),
        (f"{prefix}pages/", StartPage, {**every, "base_url": base_url, "simulated": simulated}),
        (f"{prefix}pages/([^/]+)", NotebookPage, {**options, **every}),
        (f"{prefix}pages/([^/]+)/picture", CardPicture, {"site": site}),
    ]
