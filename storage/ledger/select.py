"""Leaves picked out of the ledger: of a camera, of a span."""

from __future__ import annotations

import json
from collections.abc import Iterator

from storage.ledger.log import Ledger
from vms.core.clock import Instant


def select(
    ledger: Ledger, camera: str | None, start: Instant | None, end: Instant | None
) -> Iterator[tuple[int, bytes]]:
    """Places and lines of leaves of a camera that have a part in [start, end)."""
    needle = None if camera is None else f'"{camera}'.encode()
    for place, line in ledger.leaves():
        if needle is not None and needle not in line:
            continue
        values = json.loads(line)
        if camera is not None and camera not in _cameras(values):
            continue
        first = values.get("start", values.get("at", 0))
        last = values.get("end", first + 1)
        if (end is None or first < end) and (start is None or last > start):
            yield place, line


def _cameras(values: dict[str, object]) -> list[object]:
    stream = values.get("stream")
    cameras = values.get("cameras")
    found: list[object] = [values.get("camera")]
    if isinstance(stream, str):
        found.append(stream.partition("/")[0])
    return found + (cameras if isinstance(cameras, list) else [])
