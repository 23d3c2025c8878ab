"""The error of a notebook that cannot be shown as a page."""

from __future__ import annotations


class RenderingFailed(Exception):
    """A notebook cannot be rendered. Viewers see the text, so it has no traceback and no path."""
