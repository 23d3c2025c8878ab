"""The cell of a notebook with each panel alone, not in a dashboard."""

from __future__ import annotations

PANELS_CELL = """\
from IPython.display import display
from ipywidgets import GridBox, IntProgress, Layout, jsdlink
from orderfox_nb.widgets import DepthChart, Liquidations, OrderBook, QualityBadge, SymbolPicker, Tape

picker, badge, depth, book, tape = SymbolPicker(), QualityBadge(), DepthChart(), OrderBook(), Tape(length=50)
liquidations = Liquidations()
closed = IntProgress()  # what a progress bar does that leaves nothing
display(closed)
closed.close()
follows = jsdlink((picker, "symbol"), (depth.layer, "symbol"))
panels = [picker, badge, depth, book, tape, liquidations]
GridBox(panels, layout=Layout(grid_template_columns="minmax(0, 1fr) minmax(0, 1fr)", grid_gap="8px"))
"""
