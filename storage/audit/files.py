"""What became of a file that is not what its row says: swapped, re-dated, or gone by no rule."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from storage.findings import Finding, Kind
from storage.fmp4 import BadFile
from storage.listing import segment_id
from storage.segment_file import read_file_head

_EXPLAINED = (Kind.FOOTAGE_DAMAGED, Kind.FOOTAGE_UNKNOWN)


def explained(found: Finding) -> Finding:
    """A finding about a file, with whose footage really stands there by the file's own head."""
    if found.kind is Kind.FOOTAGE_MISSING:
        return replace(found, detail=f"{found.detail}; no rule deleted it")
    path = Path(found.detail.partition(" has ")[0].partition(" is not ")[0])
    if found.kind not in _EXPLAINED or not path.is_file():
        return found
    try:
        told = segment_id_in(path)
    except OSError:
        return found
    if told is None or told == found.subject:
        return found
    return replace(found, detail=f"{found.detail}; it holds the footage of {told}")


def segment_id_in(path: Path) -> str | None:
    """Which segment a file says it is; None if it can't be read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = read_file_head(fd).head
    except BadFile:
        return None
    finally:
        os.close(fd)
    return segment_id(head.stream, head.start)
