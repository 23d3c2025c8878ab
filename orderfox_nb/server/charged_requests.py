# Mixins change what they inherit.
# pyright: reportIncompatibleMethodOverride=false
"""Requests for pages, their files and their kernels' sockets: each is charged to its client and waits for its share."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import tornado.web

from orderfox_nb.errors import ClientLimited
from orderfox_nb.server.request_share import Measured, PageShare

PAGE_SHARE: Final = "orderfox_page_share"
"""The application's setting with the ``PageShare`` of its clients, if they have one."""


class PageRefused(tornado.web.HTTPError):
    """A page that may be had later, with a sentence for the viewer.

    Args:
        status: 429 or 503.
        reason: The sentence, without its end.
        retry_after_s: Seconds until it may be had; 0 if that is not known.
    """

    def __init__(self, status: int, reason: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(status, reason)
        self.retry_after_s = retry_after_s


class ChargedRequest(tornado.web.RequestHandler):
    """Waits while its client has used up its share, and charges the client for what it takes itself."""

    async def prepare(self) -> None:
        if (share := self._share) is not None:
            try:
                await share.admit(self.client)
            except ClientLimited as error:
                raise PageRefused(429, str(error), retry_after_s=error.retry_after_s) from None
        if (prepared := super().prepare()) is not None:
            await prepared

    async def _execute(self, transforms: list[Any], *args: bytes, **kwargs: bytes) -> None:
        executed = super()._execute(transforms, *args, **kwargs)
        if (share := self._share) is None:
            await executed
        else:
            await Measured(executed, partial(share.spend, self.client))

    @property
    def client(self) -> str:
        """The address that the request came from."""
        return self.request.remote_ip or ""

    @property
    def _share(self) -> PageShare | None:
        return self.settings.get(PAGE_SHARE)
