# Tornado's futures have no result type.
# pyright: reportUnknownMemberType=false
"""The API as a page to browse and to try: Swagger UI on the server's own OpenAPI document, from no other host."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from orderfox_nb.server.handlers.base import MarketHandler, RequestRefused
from orderfox_nb.server.pieces import send_in_pieces

_OURS: Final = Path(__file__).parents[1] / "api_docs"
_TYPES: Final = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css"}
_SWAGGER_UI: Final = ("swagger-ui.css", "swagger-ui-bundle.js")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_CACHED_S: Final = 3600


class ApiDocs(MarketHandler):
    """The page and its files."""

    route = "docs"

    @property
    def content_security_policy(self) -> str:
        """The page's own files, and styles that Swagger UI sets on its elements."""
        return _POLICY

    async def get(self, name: str | None = None) -> None:
        if name not in (None, "start.js", *_SWAGGER_UI):
            raise RequestRefused(404, f"No such route: {self.request.path[:100]}")
        path = _OURS / (name or "index.html")
        self.set_header("Content-Type", _TYPES[path.suffix])
        self.set_header("Cache-Control", f"private, max-age={_CACHED_S}" if name in _SWAGGER_UI else "no-cache")
        await send_in_pieces(self, _swagger_file(name) if name in _SWAGGER_UI else path.read_bytes())

    head = get


class ToApiDocs(MarketHandler):
    """The short path of the page."""

    route = "docs"

    async def get(self) -> None:
        self.redirect(self.settings.get("base_url", "/") + "api/v1/docs")

    head = get


@cache
def _swagger_file(name: str) -> bytes:
    """Return a file of Swagger UI; of the package that carries it nothing is imported."""
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise RequestRefused(404, "The page needs Swagger UI: pip install flask-swagger-ui")
    return (Path(spec.origin).parent / "dist" / name).read_bytes()
