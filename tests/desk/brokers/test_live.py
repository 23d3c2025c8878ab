"""A live bot at the embedded exchange: its orders arrive, rest, are filled and cancelled, and its ledger agrees."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from orderfox_nb.desk.brokers.live import ATTEMPTS
from orderfox_nb.desk.brokers.lock import TradingLock
from orderfox_nb.desk.store.failures import LeaseLost
from orderfox_nb.errors import BrokerRefused, DatabaseUnavailable
from tests.desk.brokers.rig import LiveRig, cash, until

pytestmark = pytest.mark.sim


async def test_live_bot_places_an_order_and_cancels_it(rig: LiveRig) -> None:
    run = await rig.start()
    order = rig.rests(run)
    assert order.state == "sent"
    await until(lambda: order.state == "open")
    (there,) = rig.open_orders()
    assert (there.client_id, there.lots) == (run.order_name(1), 3)
    order.cancel()
    await until(lambda: order.state == "cancelled")
    assert rig.open_orders() == []
    await rig.stop(run)


async def test_fills_of_a_crossing_order_are_in_the_ledger_and_the_history(rig: LiveRig) -> None:
    run = await rig.start()
    order = run.session.desk.buy(0.01)
    await until(lambda: order.done)
    assert (order.state, order.filled) == ("filled", 0.01)
    assert run.account.position_lots == rig.account.position("BTCUSDT").lots == 10
    sold = run.session.desk.close()
    assert sold is not None
    await until(lambda: sold.done)
    assert run.account.position_lots == rig.account.position("BTCUSDT").lots == 0
    # Fees and profit to the last digit: the ledger equals the exchange's wallet.
    assert cash(run) == rig.wallet
    await rig.stop(run)
    history = await rig.store.history()
    fills = await history.fills(rig.record.number, limit=100, before=None)
    assert sum(fill.size if fill.side == "buy" else -fill.size for fill in fills) == 0
    assert [row.state for row in await history.orders(rig.record.number, limit=10, before=None)] == ["filled"] * 2


async def test_orders_are_cancelled_when_the_bot_stops(rig: LiveRig) -> None:
    run = await rig.start()
    orders = [rig.rests(run, away=away) for away in (0.96, 0.97, 0.98)]
    await until(lambda: all(order.state == "open" for order in orders))
    await rig.stop(run)
    assert rig.open_orders() == []
    history = await rig.store.history()
    rows = await history.orders(rig.record.number, limit=10, before=None)
    assert [row.state for row in rows] == ["cancelled"] * 3


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("times", [1, 2])
async def test_connection_that_breaks_before_the_answer_neither_loses_nor_doubles_an_order(
    rig: LiveRig, arrives: bool, times: int
) -> None:
    run = await rig.start()
    rig.link.cut("POST /fapi/v1/order", arrives=arrives, times=times)
    order = rig.rests(run)
    await until(lambda: order.state == "open")
    assert rig.link.cuts == (1 if arrives else times)
    assert [each.client_id for each in rig.every_order()] == [run.order_name(1)]
    await rig.stop(run)
    assert rig.open_orders() == []


async def test_lost_answer_of_a_market_order_is_found_with_its_fills(rig: LiveRig) -> None:
    run = await rig.start()
    rig.link.cut("POST /fapi/v1/order", arrives=True)
    order = run.session.desk.buy(0.01)
    await until(lambda: order.done)
    assert (order.state, order.filled, rig.account.position("BTCUSDT").lots) == ("filled", 0.01, 10)
    assert cash(run) == rig.wallet
    await rig.stop(run)


async def test_cancel_whose_answer_is_lost_is_confirmed(rig: LiveRig) -> None:
    run = await rig.start()
    order = rig.rests(run)
    await until(lambda: order.state == "open")
    rig.link.cut("DELETE /fapi/v1/order", arrives=True)
    order.cancel()
    await until(lambda: order.state == "cancelled")
    assert rig.open_orders() == []
    await rig.stop(run)


async def test_order_that_never_arrives_is_given_up_and_reported(rig: LiveRig) -> None:
    run = await rig.start()
    rig.link.cut("POST /fapi/v1/order", arrives=False, times=ATTEMPTS)
    order = rig.rests(run)
    await until(lambda: order.done)
    assert (order.state, order.reason) == ("expired", f"it did not reach the venue in {ATTEMPTS} attempts")
    assert rig.every_order() == []
    await rig.stop(run)


async def test_refusal_of_the_venue_has_its_code(rig: LiveRig) -> None:
    run = await rig.start()
    ask = run.session.desk.book.best_ask
    assert ask is not None
    # So far above the market that it crosses wherever that goes meanwhile.
    order = run.session.desk.buy(0.003, at=round(ask * 1.02), post_only=True)
    await until(lambda: order.done)
    assert order.state == "rejected"
    assert order.rejection is not None
    assert order.rejection.code == -5022
    await rig.stop(run)


async def test_insufficient_margin_is_the_venues_to_refuse(rig: LiveRig) -> None:
    rig.use(TradingLock(rig.lock.settings.model_copy(update={"live_notional": 1e9}), public=False))
    run = await rig.start()
    order = rig.rests(run, size=20)
    await until(lambda: order.done)
    assert order.rejection is not None
    assert order.rejection.code == -2019
    await rig.stop(run)


async def test_risk_limit_keeps_an_order_from_the_venue(rig: LiveRig) -> None:
    run = await rig.start()
    order = rig.rests(run, size=1)
    await until(lambda: order.done)
    assert order.rejection is not None
    assert (order.rejection.code, order.rejection.message) == (0, "risk limit: notional of 2000.0")
    assert "alice" in rig.exchange.trading.accounts
    assert rig.every_order() == []
    await rig.stop(run)


async def test_after_a_crash_resting_orders_and_fills_are_found_again(rig: LiveRig) -> None:
    run = await rig.start()
    rests, filled = rig.rests(run), run.session.desk.buy(0.01)
    await until(lambda: rests.state == "open" and filled.done)
    await rig.crash()
    assert len(rig.open_orders()) == 1

    again = await rig.start()
    assert again.account.position_lots == 10
    assert cash(again) == rig.wallet
    (order,) = again.session.gateway.handles.values()
    assert (order.number, order.state) == (rests.number, "open")
    order.cancel()
    await until(lambda: order.state == "cancelled")
    assert len(rig.every_order()) == 2
    await rig.stop(again)


@pytest.mark.parametrize("arrives", [True, False])
async def test_crash_between_an_order_and_its_answer_neither_loses_nor_doubles_it(rig: LiveRig, arrives: bool) -> None:
    run = await rig.start()
    # No answer until the end: neither to the order nor to the questions about it.
    rig.link.cut("POST /fapi/v1/order", arrives=arrives)
    rig.link.cut("GET /fapi/v1/order", arrives=False, times=1_000)
    rig.rests(run)
    await until(lambda: rig.link.cuts)
    await rig.crash()
    rig.link.mend()
    assert len(rig.open_orders()) == int(arrives)

    again = await rig.start()
    assert len(rig.every_order()) == int(arrives)
    if arrives:
        (order,) = again.session.gateway.handles.values()
        await until(lambda: order.state == "open")
    await rig.stop(again)
    assert rig.open_orders() == []
    (row,) = await (await rig.store.history()).orders(rig.record.number, limit=10, before=None)
    assert row.state == ("cancelled" if arrives else "expired")


async def test_trade_that_is_not_the_bots_stops_it_with_the_reason(rig: LiveRig) -> None:
    run = await rig.start()
    order = rig.rests(run)
    await until(lambda: order.state == "open")
    await rig.trade_by_hand()
    await until(lambda: run.session.stopped)
    assert "needs its symbol to itself" in run.note
    await until(lambda: not rig.open_orders())
    await rig.stop(run)


async def test_position_that_is_not_the_bots_refuses_the_start(rig: LiveRig) -> None:
    await rig.trade_by_hand()
    with pytest.raises(BrokerRefused, match=r"the account's position is 0\.010 and the bot's is 0"):
        await rig.start()


async def test_reports_come_from_the_accounts_stream(rig: LiveRig, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing is asked for over REST meanwhile.
    monkeypatch.setattr("orderfox_nb.desk.brokers.reconciling.EVERY_S", 1_000.0)
    run = await rig.start()
    order = rig.rests(run)
    await until(lambda: order.state == "open" and rig.follows_account())
    rig.exchange.trading.cancel(rig.open_orders()[0])
    await until(lambda: order.state == "cancelled")
    await rig.stop(run)


async def test_reports_that_a_broken_stream_missed_are_asked_for(rig: LiveRig) -> None:
    run = await rig.start()
    order = rig.rests(run)
    await until(lambda: order.state == "open")
    rig.server.add_fault("half_open", count=-1)
    there = rig.open_orders()[0]
    rig.exchange.trading.cancel(there)
    await until(lambda: order.state == "cancelled")
    await rig.stop(run)


async def test_wrong_key_is_named_and_nothing_of_it_is_shown(rig: LiveRig) -> None:
    settings = rig.lock.settings.model_copy(update={"binance_secret_key": SecretStr("wrong-secret")})
    rig.use(TradingLock(settings, public=False))
    with pytest.raises(BrokerRefused, match=r"-1022") as refused:
        await rig.start()
    assert "wrong-secret" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("failure", [DatabaseUnavailable("it is away"), LeaseLost()])
async def test_order_that_cannot_be_stored_is_not_sent(
    rig: LiveRig, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    run = await rig.start()

    async def fails() -> None:
        raise failure

    monkeypatch.setattr(run, "store", fails)
    order = rig.rests(run)
    await until(lambda: order.done)
    assert order.rejection is not None
    assert "cannot be stored" in order.rejection.message
    assert not run.session.stopped
    assert rig.every_order() == []
    await rig.stop(run)


async def test_loss_beyond_the_limit_stops_the_bot_and_cancels(rig: LiveRig) -> None:
    rig.use(TradingLock(rig.lock.settings.model_copy(update={"live_loss": 0.01}), public=False))
    run = await rig.start()
    order = rig.rests(run)
    await until(lambda: order.state == "open")
    # Its fee is more than the limit.
    run.session.desk.buy(0.003)
    await until(lambda: run.session.stopped)
    assert run.note == "a loss of 0.01 or more"
    await until(lambda: not rig.open_orders())
    await rig.stop(run)


async def test_two_live_bots_do_not_share_a_symbol(rig: LiveRig) -> None:
    run = await rig.start()
    with pytest.raises(BrokerRefused, match="another live bot trades BTCUSDT"):
        await rig.brokers.open(run.session.instrument, rig.desk, paper=False)
    await rig.stop(run)
    again = await rig.start()
    assert again.session.live
    await rig.stop(again)


async def test_end_of_the_server_cancels_orders_and_the_bot_goes_on_with_the_next_one(rig: LiveRig) -> None:
    run = await rig.start()
    run.session.desk.buy(0.003)
    order = rig.rests(run)
    await until(lambda: order.state == "open" and run.account.position_lots == 3)
    await rig.stop(run, reason="")
    assert rig.open_orders() == []

    again = await rig.start()
    # The strategy learns only now that its order is gone.
    await until(lambda: not again.session.gateway.handles)
    assert again.account.position_lots == 3
    later = rig.rests(again)
    await until(lambda: later.state == "open")
    names = [again.order_name(number) for number in (1, 2, 3)]
    assert [each.client_id for each in rig.every_order()] == names
    await rig.stop(again)
