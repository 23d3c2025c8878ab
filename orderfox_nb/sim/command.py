"""The command line of the embedded exchange."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from orderfox_nb.core.numerals import decimal_number, whole_number
from orderfox_nb.sim.exchange import Exchange
from orderfox_nb.sim.listings import LARGEST
from orderfox_nb.sim.process import UNTIL_STDIN_CLOSES
from orderfox_nb.sim.server.app import SimServer
from orderfox_nb.sim.server.protocols import PROTOCOL_NAMES, protocol_of
from orderfox_nb.sim.server.source import ServedSource

MAX_SPREAD_BP: Final = 1_000
MAX_LAG_MS: Final = 5_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped.

    Returns:
        Exit code: 2 for an option that cannot be used.
    """
    parser = argparse.ArgumentParser(prog="orderfox sim", description="The embedded exchange on a port of its own.")
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Serve until stopped.

    Returns:
        Exit code: 2 for an option that cannot be used.
    """
    try:
        source = _source(options)
    except (OSError, ValueError) as error:
        return _refuse(options, str(error))
    try:
        asyncio.run(_serve(source, options))
    except OSError as error:
        return _refuse(options, f"cannot listen at {options.host}:{options.port}: {error.strerror}")
    return 0


def _refuse(options: argparse.Namespace, reason: str) -> int:
    if options.until_stdin_closes:
        sys.stdout.write(json.dumps({"error": reason}) + "\n")
    else:
        sys.stderr.write(f"orderfox sim: {reason}\n")
    return 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the embedded exchange to a parser."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=_integer, default=8900, help="0 for a free one (default %(default)s)")
    parser.add_argument("--seed", type=_integer, default=7, help="the same seed gives the same market at the same time")
    parser.add_argument(
        "--symbols", type=_within(1, LARGEST), default=24, metavar="N", help=f"number of symbols, 1 to {LARGEST}"
    )
    parser.add_argument("--speed", type=_speed, default=1.0, help="times real time; max: as fast as a tape is read")
    parser.add_argument(
        "--liquidation-rate",
        type=_factor,
        default=1.0,
        metavar="X",
        help="multiple of a usual day's liquidations (default 1)",
    )
    parser.add_argument("--spread-bp", type=_spread, default=0.0, metavar="BP", help="basis points added to all prices")
    parser.add_argument(
        "--lag-ms", type=_within(0, MAX_LAG_MS), default=0, metavar="MS", help=f"delay of its data, up to {MAX_LAG_MS}"
    )
    parser.add_argument(
        "--protocol", choices=PROTOCOL_NAMES, default="binance", help="protocol to serve (default %(default)s)"
    )
    parser.add_argument("--market", choices=("futures", "spot"), default="futures", help="Binance market to simulate")
    parser.add_argument("--start", type=_integer, default=0, metavar="MS", help="start time, ms (default now)")
    parser.add_argument(
        "--tape", type=Path, help="raw frames to play to clients instead, a receive time and a frame a line"
    )
    parser.add_argument("--liquidations", type=Path, help="recorded liquidations to play beside the tape, jsonl")
    parser.add_argument("--tick", default="", help="tick size of the tape's symbol (default: inferred)")
    parser.add_argument("--lot", default="", help="lot size of the tape's symbol (default: inferred)")
    parser.add_argument(UNTIL_STDIN_CLOSES, action="store_true", help=argparse.SUPPRESS)


def _source(options: argparse.Namespace) -> Exchange | ServedSource:
    protocol_of(options.protocol, options.market, tape=options.tape is not None)
    if options.tape is None:
        if options.speed == float("inf"):
            raise ValueError("--speed max is for a tape")
        return Exchange(
            options.seed,
            options.symbols,
            start_us=options.start * 1_000 or time.time_ns() // 1_000,
            liquidation_rate=options.liquidation_rate,
            spread_bp=options.spread_bp,
            lag_us=options.lag_ms * 1_000,
        )
    if options.market == "spot":
        raise ValueError("--market spot is not for a tape")
    if options.spread_bp or options.lag_ms:
        raise ValueError("--spread-bp and --lag-ms are not for a tape")
    from orderfox_nb.sim.tape import TapeExchange  # noqa: PLC0415  # only a tape needs its parser

    return TapeExchange.open(
        options.tape,
        liquidations=options.liquidations,
        tick_size=options.tick,
        lot_size=options.lot,
        paced_by_readers=options.speed == float("inf"),
    )


async def _serve(source: Exchange | ServedSource, options: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    if options.until_stdin_closes:
        _when_stdin_closes(lambda: loop.call_soon_threadsafe(stopped.set))
    # Everything allocated so far stays: excluding it from collections shortens their pauses.
    gc.collect()
    gc.freeze()
    speed = 1.0 if options.speed == float("inf") else options.speed
    async with SimServer(
        source,
        host=options.host,
        port=options.port,
        speed=speed,
        market=options.market,
        on_time=isinstance(source, Exchange) and speed == 1.0 and not options.start,
        protocol=options.protocol,
    ) as server:
        sys.stdout.write(json.dumps({"port": server.port, "http_url": server.http_url, "ws_url": server.ws_url}) + "\n")
        sys.stdout.flush()
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(stopped.wait()), asyncio.create_task(server.failed())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def _when_stdin_closes(then: Callable[[], object]) -> None:
    def watch() -> None:
        # The bare descriptor: a thread inside sys.stdin would hold its lock at the interpreter's exit.
        with contextlib.suppress(OSError):
            while os.read(0, 1024):
                pass
        with contextlib.suppress(RuntimeError):
            then()

    threading.Thread(target=watch, name="sim-stdin", daemon=True).start()


def _integer(text: str) -> int:
    value = whole_number(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return value


def _within(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = _integer(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not from {low} to {high}")
        return value

    return number


def _speed(text: str) -> float:
    return float("inf") if text == "max" else _factor(text, also=", or max")


def _spread(text: str) -> float:
    value = decimal_number(text.removeprefix("-"))
    if value is None or value > MAX_SPREAD_BP:
        raise argparse.ArgumentTypeError(f"{text} is not from -{MAX_SPREAD_BP} to {MAX_SPREAD_BP}")
    return -float(value) if text.startswith("-") else float(value)


def _factor(text: str, *, also: str = "") -> float:
    value = decimal_number(text)
    if value is None or not 0 < value <= 1_000:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 up to 1000{also}")
    return float(value)
