"""The lock of live trading: why this server may not send real orders."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from orderfox_nb.config import Settings

TradingMode: TypeAlias = Literal["paper", "live"]
"""Whether orders are real."""
SWITCH: Final = "ORDERFOX_LIVE_TRADING"


class TradingLock:
    """Says whether bots of a server may send real orders. It is locked unless everything that it asks for is there.

    Args:
        settings: Have the switch and the keys.
        public: Whether people without a login read this server.
    """

    def __init__(self, settings: Settings, *, public: bool) -> None:
        self.settings = settings
        self._public = public

    @property
    def asked(self) -> bool:
        """Whether the owner of the server wants real orders."""
        return self.settings.live_trading

    @property
    def problem(self) -> str:
        """Why there is no live trading although it is switched on; empty otherwise."""
        return self.reason if self.asked else ""

    @property
    def open(self) -> bool:
        """Whether bots may send real orders."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why they may not; empty if they may."""
        settings = self.settings
        if not settings.live_trading:
            return f"live trading is off: set {SWITCH}=1, BINANCE_API_KEY and BINANCE_SECRET_KEY, and restart"
        if self._public:
            return "a public server never trades live: use the Jupyter extension, behind a login"
        missing = [
            name
            for name, secret in (
                ("BINANCE_API_KEY", settings.binance_api_key),
                ("BINANCE_SECRET_KEY", settings.binance_secret_key),
            )
            if not secret.get_secret_value()
        ]
        return f"{' and '.join(missing)} not set: live trading needs both keys" if missing else ""
