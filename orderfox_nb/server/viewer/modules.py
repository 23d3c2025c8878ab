"""Scripts of pages as separate files, which a browser caches together with their compiled code."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import Counter, OrderedDict
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec

MAX_BYTES: Final = 128_000_000
"""Largest size of the scripts that are kept for open pages, in bytes, beside those of the pages that are kept."""
_PLACE: Final = "@modules/"
"""Stands in a state for the address of the scripts, which only the page knows (templates/page_kernel.js)."""


class PackedScript(msgspec.Struct, frozen=True, weakref=True):
    """A script, prepared once for all viewers."""

    name: str
    """Name of its file: the digest of its text."""
    plain: bytes
    packed: bytes
    """The same, as gzip."""

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.packed)


class Scripts:
    """Scripts by name. Pages that are rendered at once add theirs from threads.

    A script is available for as long as a page that names it is kept. Of the others, the most recently requested ones
    are kept, within a bound.

    Args:
        max_bytes: Size of the recently requested ones that are kept; the last one is always kept.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._changing = threading.Lock()
        self._recent: OrderedDict[str, PackedScript] = OrderedDict()
        self._all: WeakValueDictionary[str, PackedScript] = WeakValueDictionary()

    def __getitem__(self, name: str) -> PackedScript:
        with self._changing:
            return self._used(self._all[name])

    def add(self, text: str) -> PackedScript:
        """Add a script; it stays for as long as the caller keeps what this returns."""
        plain = text.encode()
        name = f"{hashlib.sha256(plain).hexdigest()[:32]}.js"
        with self._changing:
            if (known := self._all.get(name)) is not None:
                return self._used(known)
        # Without the lock, since it takes long: requests are answered meanwhile.
        made = PackedScript(name, plain, gzip.compress(plain, 6, mtime=0))
        with self._changing:
            return self._used(self._all.setdefault(name, made))

    def _used(self, script: PackedScript) -> PackedScript:
        if script.name not in self._recent:
            self._recent[script.name] = script
            self._size += script.size
        self._recent.move_to_end(script.name)
        while self._size > self._max_bytes and len(self._recent) > 1:
            self._size -= self._recent.popitem(last=False)[1].size
        return script

    def take(self, states: dict[str, Any]) -> list[PackedScript]:
        """Move the modules out of the states of widgets; returns them as scripts, each once.

        Args:
            states: By the ids of their models, as a kernel sends them; changed here.
        """
        scripts: dict[str, PackedScript] = {}
        counts: Counter[str] = Counter()
        for one in states.values():
            text = one["state"].get("_esm")
            if not isinstance(text, str) or text.startswith(("http://", "https://")):
                continue
            script = self.add(text)
            name = script.name
            scripts[name] = script
            counts[name] += 1
            # Every model has a module of its own, as when anywidget creates it from text.
            part = f"#{counts[name]}" if counts[name] > 1 else ""
            one["state"]["_esm"] = f"{_PLACE}{name}{part}"
        return list(scripts.values())
