"""Keeps this process's memory to itself: no core dump, no reading by others of the same user."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4  # prctl(2)


def keep_memory_private() -> None:
    """From now on a crash leaves no memory on disk, and only root may read this process's.

    Holds until the next exec; each process asks for itself. Passwords and keys are in memory.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
