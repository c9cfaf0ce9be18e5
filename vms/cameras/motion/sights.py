"""What moves just now in every camera that is looked at: written by what looks, read by the web.

One file under `run`, replaced whole, as the recorder's status is (docs/decisions/0003).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vms.cameras.motion.eye import COLUMNS, ROWS, Eye
from vms.core.clock import SECOND, Instant, Span, parse_rfc3339, rfc3339

STALE = Span(5 * SECOND)
"""A file older than this means that nobody looks."""


@dataclass(frozen=True, slots=True)
class ZoneSight:
    """A zone in the last picture: `share` of it moved, from `limit` on it counts. `since`: when the
    motion that lasts began."""

    name: str
    share: float
    limit: float
    since: Instant | None


@dataclass(frozen=True, slots=True)
class Sight:
    """A camera in its last picture, taken `at`; None: there was none yet. `view`: whether it could
    be compared. `seldom`: keyframes only, the machine can't bear more. `cells`: ROWS×COLUMNS bits
    row by row, the highest of a byte first, as hex: what moved, in zones and out."""

    at: Instant | None
    view: bool
    seldom: bool
    zones: tuple[ZoneSight, ...]
    cells: str


def sight_of(eye: Eye, at: Instant | None, *, seldom: bool) -> Sight:
    """What an eye sees now."""
    zones = tuple(ZoneSight(zone.zone, zone.share, zone.limit, zone.since) for zone in eye.zones)
    return Sight(at, eye.view, seldom, zones, np.packbits(eye.cells).tobytes().hex())


NOTHING_MOVES = bytes(COLUMNS * ROWS // 8).hex()


def sights_path(run_dir: Path) -> Path:
    """Where they are written."""
    return run_dir / "motion.json"


def write_sights(run_dir: Path, sights: Mapping[str, Sight], now: Instant) -> None:
    """Replace the file; readers see the old or the new one, whole. Raises OSError."""
    path = sights_path(run_dir)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    facts = {
        "at": rfc3339(now, digits=9),
        "cameras": {camera: _row(sight) for camera, sight in sights.items()},
    }
    fresh.write_text(json.dumps(facts, separators=(",", ":")), encoding="utf-8")
    fresh.replace(path)


def read_sights(run_dir: Path, now: Instant) -> dict[str, Sight] | None:
    """What was written last, by camera; None when nobody looks."""
    try:
        facts = json.loads(sights_path(run_dir).read_text(encoding="utf-8"))
        if not -STALE <= now - parse_rfc3339(facts["at"]) <= STALE:
            return None
        return {camera: _sight(row) for camera, row in facts["cameras"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _row(sight: Sight) -> list[Any]:
    zones = [
        [one.name, round(one.share, 5), round(one.limit, 5), _text(one.since)]
        for one in sight.zones
    ]
    return [_text(sight.at), sight.view, sight.seldom, zones, sight.cells]


def _sight(row: list[Any]) -> Sight:
    at, view, seldom, zones, cells = row
    found = tuple(
        ZoneSight(name, share, limit, _time(since)) for name, share, limit, since in zones
    )
    return Sight(_time(at), view, seldom, found, cells)


def _text(time: Instant | None) -> str | None:
    return None if time is None else rfc3339(time, digits=9)


def _time(text: str | None) -> Instant | None:
    return None if text is None else parse_rfc3339(text)
