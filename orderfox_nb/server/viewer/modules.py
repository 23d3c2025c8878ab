"""Scripts of pages as separate files, which a browser caches together with their compiled code."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import OrderedDict
from typing import Any, Final

import msgspec

MAX_BYTES: Final = 128_000_000
"""Bytes of all scripts; beyond it those that no page was rendered with for longest are dropped."""
_PLACE: Final = "@modules/"
"""Stands in a state for the address of the scripts, which only the page knows (templates/page_kernel.js)."""


class PackedScript(msgspec.Struct, frozen=True):
    """A script, prepared once for all viewers."""

    plain: bytes
    packed: bytes
    """The same, as gzip."""

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.packed)


class Scripts:
    """Scripts by the digest of what is in them. Pages that are rendered at once add theirs from threads.

    Args:
        max_bytes: Largest size of all of them together; the newest one is always kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._adding = threading.Lock()
        self._scripts: OrderedDict[str, PackedScript] = OrderedDict()

    def __getitem__(self, name: str) -> PackedScript:
        return self._scripts[name]

    def add(self, text: str) -> str:
        """Keep a script; returns the name of its file."""
        plain = text.encode()
        name = f"{hashlib.sha256(plain).hexdigest()[:32]}.js"
        with self._adding:
            if name not in self._scripts:
                self._scripts[name] = PackedScript(plain, gzip.compress(plain, 6, mtime=0))
                self._size += self._scripts[name].size
            self._scripts.move_to_end(name)
            while self._size > self._max_bytes and len(self._scripts) > 1:
                self._size -= self._scripts.popitem(last=False)[1].size
        return name

    def take(self, states: dict[str, Any]) -> list[str]:
        """Move the modules out of the states of widgets; returns the names of their files.

        Args:
            states: By the ids of their models, as a kernel sends them; changed here.
        """
        counts: dict[str, int] = {}
        for one in states.values():
            text = one["state"].get("_esm")
            if not isinstance(text, str) or text.startswith(("http://", "https://")):
                continue
            name = self.add(text)
            counts[name] = counts.get(name, 0) + 1
            # Every model has a module of its own, as when anywidget creates it from text.
            part = f"#{counts[name]}" if counts[name] > 1 else ""
            one["state"]["_esm"] = f"{_PLACE}{name}{part}"
        return list(counts)
