"""The money of a session whose orders are real."""

from __future__ import annotations

from orderfox_nb.bots.account.account import Account


class LiveAccount(Account):
    """Books what the venue reports. The venue closes a position that lacks margin, so this never asks for that."""

    def must_liquidate(self) -> None:
        return None
