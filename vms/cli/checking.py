"""What commands that read everything share: their threads, their count, the sentence at the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

_THREADS_MAX = 4  # a disk with one arm gains nothing from more


@dataclass(slots=True)
class Checked:
    """Counts what a check has looked at, and moves its bar; a `storage.check.Progress`."""

    advance: Callable[[int], None]
    files: int = field(default=0, init=False)
    bytes: int = field(default=0, init=False)

    def __call__(self, files: int, size: int) -> None:
        self.files += files
        self.bytes += size
        self.advance(size)


def threads() -> int:
    """How many threads read and hash at once."""
    return min(_THREADS_MAX, os.cpu_count() or 1)


def sentence(findings: int) -> str:
    """How a check ended, for a person."""
    if not findings:
        return "All is well."
    return f"Not all is well: {findings:,} finding{'s' if findings > 1 else ''}."


def speed(files: int, size: int, seconds: float, *, read: bool) -> str:
    """`120 files, 3,600.0 MB in 9.1 s (395.6 MB/s, 13 files/s)`."""
    seconds = max(seconds, 0.001)
    rate = f"{size / 1e6 / seconds:,.1f} MB/s, " if read else ""
    done = f"{files:,} files, {size / 1e6:,.1f} MB in {seconds:.1f} s"
    return f"{done} ({rate}{files / seconds:,.0f} files/s)"
