"""What recordings that are being written hold so far."""

from __future__ import annotations

from pathlib import Path

from orderfox_nb.errors import RecordingError
from orderfox_nb.recording.files import RecordingFiles


def span_us(folder: Path) -> tuple[int, int]:
    """Return from when to when a recording is on disk; equal where nothing is yet."""
    try:
        files = RecordingFiles(folder)
    except RecordingError:
        # Its file is there before its first block.
        return 0, 0
    return files.start_us, files.end_us


def recorded_s(folder: Path) -> float:
    """Return how long the recordings of a data directory are together, in seconds."""
    return sum(recorded_lengths_s(folder))


def recorded_lengths_s(folder: Path) -> list[float]:
    """Return how long each recording of a data directory is, in seconds, the longest last."""
    spans = [span_us(path) for path in folder.glob("recordings/*")]
    return sorted((end_us - start_us) / 1e6 for start_us, end_us in spans)
