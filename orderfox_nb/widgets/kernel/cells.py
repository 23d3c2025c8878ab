# ipywidgets has no stubs, and no public list of its widgets.
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false, reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Tracks the widgets that notebook cells show, and closes those that are no longer shown.

ipywidgets keeps a widget until it is closed, and the page keeps its model, its module and what was drawn in it.
A cell that makes a dashboard would leave one in the kernel and in the page with every run, and reloading the page
would bring them all back. A widget is therefore closed when its cell has run again without showing it, unless it is
part of another widget. Nothing is lost: a closed widget opens again when it is displayed again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakSet

from ipywidgets import Output, Widget
from ipywidgets.widgets.widget import _instances as open_widgets  # the public name of it is deprecated

from orderfox_nb.widgets.kernel.pump import Pump, page_pump


def answered_request() -> Mapping[str, Any]:
    """Return the header of the message that the kernel is answering, empty if there is no kernel."""
    return (getattr(_shell(), "parent_header", None) or {}).get("header") or {}


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


class CellOutputs:
    """The widgets that each cell shows, by the ids that JupyterLab gives to cells."""

    def __init__(self, shell: Any) -> None:
        self._shown: dict[str, WeakSet[Widget]] = {}
        self._request: object = None
        self._showing: WeakSet[Widget] = WeakSet()
        shell.events.register("post_run_cell", self._ran)

    def show(self, widget: Widget) -> None:
        """Record that the running cell displays a widget; widgets displayed otherwise belong to no cell."""
        header = answered_request()
        if header.get("msg_type") != "execute_request" or any(
            isinstance(one, Output) and one.msg_id for one in open_widgets.values()
        ):
            return
        if self._request != header.get("msg_id"):
            self._request = header.get("msg_id")
            self._showing = WeakSet()
        self._showing.add(widget)

    def _ran(self, result: Any) -> None:
        cell = getattr(result.info, "cell_id", None)
        showing = self._showing if self._request == answered_request().get("msg_id") else WeakSet[Widget]()
        self._request, self._showing = None, WeakSet()
        if cell is None:
            return
        before = self._shown.pop(cell, ())
        if showing:
            self._shown[cell] = showing
        still = {id(one) for shown in self._shown.values() for one in shown}
        if gone := [one for one in before if id(one) not in still]:
            close_trees(gone)


@cache
def _outputs_of(shell: Any) -> CellOutputs:
    return CellOutputs(shell)


def note_display(widget: Widget) -> None:
    """Open a widget that was closed, and record which cell shows it from now on."""
    page_pump()  # open before the parts that name it
    for one in _tree(widget):
        own = getattr(one, "pump", None)
        if isinstance(own, Pump) and own.comm is None and not own.ended:
            own.open()
        if one.comm is None:
            one.open()
    if (shell := _shell()) is not None:
        _outputs_of(shell).show(widget)


def close_trees(roots: Sequence[Widget]) -> None:
    """Close widgets and their parts, but for those that an open widget elsewhere holds.

    Args:
        roots: Not displayed any more.
    """
    doomed = {id(one): one for root in roots for one in _tree(root)}
    kept: set[int] = set()
    for one in tuple(open_widgets.values()):
        if id(one) not in doomed:
            kept.update(id(part) for held in _parts(one) if id(held) in doomed for part in _tree(held))
    # A container comes before its parts, so that no view is left with a hole.
    for name, one in reversed(doomed.items()):
        if name not in kept:
            one.close()
            # ipywidgets puts None there, so that a closed widget shows its text alone: ours opens itself.
            del one._repr_mimebundle_


def _tree(widget: Widget) -> list[Widget]:
    """Return a widget and all its parts, each after its own parts."""
    found: dict[int, Widget] = {}

    def visit(one: Widget) -> None:
        if id(one) in found or isinstance(one, Pump):
            return  # the pump belongs to the kernel and is not a part of any widget
        found[id(one)] = one
        for part in _parts(one):
            visit(part)
        found[id(one)] = found.pop(id(one))

    visit(widget)
    return list(found.values())


def _parts(widget: Widget) -> Iterator[Widget]:
    """Yield the widgets that a widget's synchronised traits hold."""
    pending = [getattr(widget, name) for name in widget.keys]
    while pending:
        value = pending.pop()
        if isinstance(value, Widget):
            yield value
        elif isinstance(value, list | tuple):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
