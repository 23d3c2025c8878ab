from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import pytest

import orderfox_nb
from orderfox_nb.bots.parameters import Bounds, Duration, ParameterSpec, Size, Timeframe
from orderfox_nb.bots.strategy import Strategy
from orderfox_nb.errors import BadValue

pytestmark = pytest.mark.core


class WithParameters(Strategy):
    size: Size = "0.010"  # type: ignore[assignment]
    ticks: Annotated[int, Bounds(minimum=1, maximum=20, unit="ticks", help="Distance")] = 5
    lean: float = 0.5
    shy: bool = False
    side: Literal["both", "buy"] = "both"
    expire: Duration = "30s"
    timeframe: Timeframe = "5m"
    kept: ClassVar[int] = 7
    count = 0


class WithLabel(WithParameters):
    label: str


def test_annotated_attributes_are_parameters_with_type_default_bounds_and_unit():
    listed = {spec.name: spec for spec in WithParameters.parameters()}
    assert list(listed) == ["size", "ticks", "lean", "shy", "side", "expire", "timeframe"]
    assert listed["size"] == ParameterSpec(name="size", kind="decimal", default=Decimal("0.010"), above=0, unit="base")
    assert listed["ticks"] == ParameterSpec(
        name="ticks", kind="int", default=5, minimum=1, maximum=20, unit="ticks", help="Distance"
    )
    assert listed["side"].choices == ("both", "buy")
    assert (listed["expire"].kind, listed["timeframe"].kind) == ("duration", "choice")


def test_values_are_converted_from_text():
    made = WithParameters(size="1.5", ticks="7", lean="1e-2", shy="true", side="buy", expire=90, timeframe="1h")
    assert made.values == {
        "size": Decimal("1.5"),
        "ticks": 7,
        "lean": 0.01,
        "shy": True,
        "side": "buy",
        "expire": "90s",
        "timeframe": "1h",
    }
    assert repr(WithParameters()).startswith("WithParameters(size=0.010, ticks=5, lean=0.5")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"ticks": 0}, "Invalid ticks '0': expected a whole number of at least 1 and of at most 20 (ticks)"),
        ({"ticks": 1.5}, "a whole number"),
        ({"ticks": True}, "a whole number"),
        ({"ticks": "1_0"}, "a whole number"),
        ({"ticks": "٣"}, "a whole number"),
        ({"ticks": "1e999999999"}, "a whole number"),
        ({"size": "0"}, "a decimal number above 0 (base)"),
        ({"size": "nan"}, "a decimal number"),
        ({"lean": "inf"}, "a number"),
        ({"lean": None}, "a number"),
        ({"shy": "maybe"}, "true or false"),
        ({"side": "sell"}, "one of both, buy"),
        ({"expire": "soon"}, "a duration such as 500ms"),
        ({"timeframe": "7m"}, "one of 1m, 3m"),
        ({"tick": 3}, "Invalid parameter of WithParameters 'tick': expected ticks"),
    ],
)
def test_a_wrong_value_is_refused_and_the_error_says_what_to_give(values: dict[str, object], text: str):
    with pytest.raises(BadValue) as error:
        WithParameters(**values)
    assert text in str(error.value)


def test_a_parameter_without_a_default_must_be_given():
    with pytest.raises(BadValue, match="Invalid label"):
        WithLabel()
    assert WithLabel(label="a").values["label"] == "a"


def test_an_annotation_that_is_no_parameter_is_reported_with_its_class():
    class OddAnnotation(Strategy):
        seen: list[int] = []  # noqa: RUF012

    with pytest.raises(BadValue, match=r"OddAnnotation\.seen"):
        OddAnnotation.parameters()


def test_a_callback_that_is_misspelt_is_refused_when_the_class_is_made():
    with pytest.raises(BadValue, match="on_trade,"):

        class Misspelt(Strategy):
            def on_trades(self, trade: object, desk: object) -> None: ...


def test_topics_follow_from_reads_callbacks_parameters_and_studies():
    class WithStudies(Strategy):
        reads = ("trades",)
        studies = ("live_candles@5m",)

        def on_candle(self, candle: object, desk: object) -> None: ...

    topics = {(topic.channel, topic.interval) for topic in WithStudies().topics("binance", "BTCUSDT")}
    assert topics == {("trades", ""), ("candles", "1m"), ("candles", "5m")}
    assert ("candles", "5m") in {
        (each.channel, each.interval) for each in WithParameters().topics("binance", "BTCUSDT")
    }

    class UnknownChannel(Strategy):
        reads = ("tardes",)

    with pytest.raises(BadValue, match="tardes"):
        UnknownChannel().topics("binance", "BTCUSDT")


def test_the_package_offers_the_class():
    assert orderfox_nb.Strategy is Strategy
    assert "Strategy" in dir(orderfox_nb)
