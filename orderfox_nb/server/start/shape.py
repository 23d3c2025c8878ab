"""A quiet drawing for a card without a picture, of its own for each notebook."""

from __future__ import annotations

import zlib
from typing import Final

WIDTH: Final = 320
HEIGHT: Final = 200
_STEPS: Final = 20


def shape(name: str) -> str:
    """Return the path of an area in a box of 320 by 200, which looks like depth and shows no data.

    Args:
        name: The same name gives the same path.
    """
    seed = zlib.crc32(name.encode())
    half = _STEPS // 2
    heights = [0.0] * _STEPS
    for side in (1, -1):
        level = 0.06
        for step in range(half):
            # A linear congruence: enough for a drawing, and the same on every machine.
            seed = (seed * 1_103_515_245 + 12_345) % 2**31
            level = min(0.82, level + 0.14 * seed / 2**31)
            heights[half + step if side == 1 else half - 1 - step] = level
    width = WIDTH / _STEPS
    points = [f"M0 {HEIGHT}"]
    for step, level in enumerate(heights):
        points.append(f"V{HEIGHT * (1 - level):.1f}H{width * (step + 1):.0f}")
    return "".join([*points, f"V{HEIGHT}Z"])
