"""What cells show, in a real kernel that is asked as JupyterLab asks it: with the id of the cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.widgets


class Kernel:
    """A kernel and its client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.closed: list[str] = []
        """Ids of the models that it closed while the last cell ran."""

    def run(self, cell: str | None, code: str) -> str:
        """Run a cell and return what it printed."""
        client = self.client
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        metadata = {"cellId": cell} if cell else {}
        request = client.session.msg("execute_request", content, metadata=metadata)
        client.shell_channel.send(request)
        self.closed, printed = [], ""
        while True:
            message = client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            kind, content = message["msg_type"], message["content"]
            assert kind != "error", content
            if kind == "comm_close":
                self.closed.append(content["comm_id"])
            elif kind == "stream":
                printed += content["text"]
            elif kind == "status" and content["execution_state"] == "idle":
                return printed

    @property
    def comms(self) -> int:
        """How many comms are open."""
        return int(self.run(None, "import comm; print(len(comm.get_comm_manager().comms))"))


@pytest.fixture(scope="module")
def running() -> Iterator[Kernel]:
    manager, client = start_new_kernel()
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(running: Kernel) -> Kernel:
    running.run(None, "%reset -f\nfrom ipywidgets import HBox, Output, Widget\nWidget.close_all()")
    running.run(None, "from orderfox_nb.widgets import *\nfrom orderfox_nb.widgets.kernel.pump import page_pump")
    return running


@pytest.mark.parametrize(
    "code", ["Dashboard()", "desk = Dashboard(symbols=['BTCUSDT', 'ETHUSDT'])\ndesk", "CandleChart()", "OrderBook()"]
)
def test_a_cell_that_runs_again_leaves_one_of_what_it_makes(kernel: Kernel, code: str):
    kernel.run("a", code)
    first = kernel.comms
    for _ in range(3):
        kernel.run("a", code)
        assert kernel.closed
        assert kernel.comms == first
    # What came out of it before is not shown by its next run either.
    kernel.run("a", "6 * 7")
    assert kernel.comms == 1, "the pump is the kernel's"


def test_a_widget_that_is_shown_or_held_elsewhere_stays_open(kernel: Kernel):
    kernel.run("a", "desk = Dashboard()\ndesk")
    kernel.run("b", "first = desk\ndesk")
    kernel.run("c", "HBox([desk.chart])")
    kernel.run("a", "desk = Dashboard()\ndesk")
    assert kernel.closed == [], "another cell shows it"
    kernel.run("b", "desk")
    assert kernel.run("d", "print(first.comm is None, first.book.comm is None)") == "True True\n"
    held = "first.chart, first.chart.figure, first.chart.layer, first.chart.layer.layout, first.chart.x_scale"
    assert kernel.run("d", f"print({{one.comm is None for one in ({held})}})") == "{False}\n"


def test_a_closed_widget_opens_itself_when_it_is_displayed_again(kernel: Kernel):
    kernel.run("a", "desk = Dashboard()\ndesk")
    alone = kernel.comms
    kernel.run("a", "old, desk = desk, Dashboard(symbol='ETHUSDT')\ndesk")
    assert kernel.comms == alone
    assert kernel.run("b", "old.symbol = 'SOLUSDT'\nprint(old.comm)") == "None\n"
    kernel.run("b", "old")
    assert kernel.comms == 2 * alone - 1, "they share the pump"
    assert (
        kernel.run("c", "print(old.model_id in Widget.get_manager_state()['state'], old.page_state.symbols)")
        == "True ['SOLUSDT']\n"
    )
    kernel.run("b", "old")
    assert kernel.closed == [], "the same one again"


def test_after_everything_was_closed_widgets_work_again_also_those_of_before(kernel: Kernel):
    kernel.run("a", "old = Dashboard()\nold")
    kernel.run("a", "desk = Dashboard()\ndesk")
    kernel.run(None, "Widget.close_all()")
    assert kernel.comms == 0
    kernel.run("b", "old")
    assert (
        kernel.run("c", "print(old.book.get_state('pump')['pump'] == 'IPY_MODEL_' + page_pump().model_id)") == "True\n"
    )
    kernel.run(None, "Widget.close_all()")
    kernel.run("d", "book = OrderBook()\nbook")
    assert kernel.run("c", "print(book.get_state('pump')['pump'] == 'IPY_MODEL_' + page_pump().model_id)") == "True\n"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (None, "book = OrderBook()\nbook"),
        ("a", "out = globals().get('out') or Output()\nwith out:\n    display(OrderBook())"),
        ("a", "books = [*globals().get('books', []), OrderBook()]\nHBox(books)"),
        ("a", "book = globals().get('book') or OrderBook()\nbook"),
    ],
    ids=["from no cell", "in an output of its own", "in a list that grows", "the same one"],
)
def test_nothing_is_closed_that_may_still_be_seen(kernel: Kernel, cell: str | None, code: str):
    for _ in range(3):
        kernel.run(cell, code)
        assert kernel.closed == []
