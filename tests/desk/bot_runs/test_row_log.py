"""Rows of a bot's sessions: their numbers go on from one session to the next."""

from __future__ import annotations

from orderfox_nb.bots.handles import SentOrder, SessionOutput
from orderfox_nb.bots.orders import OrderRequest
from orderfox_nb.desk.bot_runs.activity import BotActivity, BotLog
from orderfox_nb.desk.bot_runs.row_log import RowLog
from tests.core.books import BTC


def sent(*numbers: int) -> SessionOutput:
    request = OrderRequest(symbol=BTC.symbol, side="buy", lots=1, kind="market")
    orders = [SentOrder(number=number, time_us=1, arrival_us=1, request=request) for number in numbers]
    return SessionOutput(orders, [], [], [])


def test_order_of_a_later_session_has_the_number_that_it_is_stored_under() -> None:
    log = RowLog(BTC, BotActivity(BotLog()))
    log.collect(sent(1, 2), [])
    assert log.stored_number(2) == 2
    log.next_session(2, "the bot was started again")
    log.rows(b"")
    log.collect(sent(1), [])
    (row,) = log.rows(b"").orders
    assert row.number == log.stored_number(1) == 3
