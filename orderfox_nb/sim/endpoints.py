"""The addresses of an embedded exchange."""

from __future__ import annotations

from typing import Protocol


class Endpoints(Protocol):
    """A server of the venue's protocol, in this process or in a child."""

    host: str
    port: int
    """Port that it listens at, once entered."""

    @property
    def http_url(self) -> str:
        """Base of REST addresses, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Base of stream addresses, before ``/public`` and ``/market``."""
        return f"ws://{self.host}:{self.port}"

    @property
    def liquidation_url(self) -> str:
        """Base of the liquidation history."""
        return f"{self.http_url}/api"
