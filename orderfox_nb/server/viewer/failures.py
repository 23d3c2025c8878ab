"""Why there is no page."""

from __future__ import annotations


class RenderingFailed(Exception):
    """The notebook makes no page; its text is for viewers, without traceback and without a path."""
