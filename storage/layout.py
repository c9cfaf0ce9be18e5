"""Where footage stands on a volume: the only module that makes and reads paths.

`<camera>/<stream>/<YYYY-MM-DD>/<HH>/<start>.mp4`, all in UTC, for instance
`gate-north/main/2026-11-22/11/2026-11-22T11-32-07.123456789Z.mp4`. The start is exact to the
nanosecond, so a path and (stream, start) say the same. Pure: nothing here touches a disk.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from vms.core.clock import HOUR, SECOND, Instant, parse_rfc3339
from vms.core.model import StreamKey, is_camera_id

HOUSE = ".gozcu"
"""The folder of a volume's own facts: identity and the turn-taking of syncs."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2})\.(\d{9})Z\.(mp4|part|abandoned)")


class Stage(enum.StrEnum):
    """What the ending of a file's name says about it."""

    FINAL = "mp4"  # complete, synced, never changes (invariant 1)
    PART = "part"  # being written, or left by a crash
    ABANDONED = "abandoned"  # its sync failed: nobody may trust it (invariant 9)


@dataclass(frozen=True, slots=True)
class Place:
    """One file of footage: which stream, from when, at which stage."""

    stream: StreamKey
    start: Instant
    stage: Stage


def stream_folder(stream: StreamKey) -> PurePosixPath:
    """`gate-north/main`."""
    return PurePosixPath(stream.camera) / stream.name


def hour_folder(stream: StreamKey, at: Instant) -> PurePosixPath:
    """The folder that holds segments starting in the hour of `at`."""
    moment = _EPOCH + dt.timedelta(seconds=at // SECOND)
    return stream_folder(stream) / moment.strftime("%Y-%m-%d") / moment.strftime("%H")


def path_of(stream: StreamKey, start: Instant, stage: Stage = Stage.FINAL) -> PurePosixPath:
    """The file of the segment that starts at `start`, relative to the volume's root."""
    seconds, nanos = divmod(start, SECOND)
    moment = _EPOCH + dt.timedelta(seconds=seconds)
    name = f"{moment:%Y-%m-%dT%H-%M-%S}.{nanos:09d}Z.{stage.value}"
    return hour_folder(stream, start) / name


def place_of(path: PurePosixPath) -> Place | None:
    """Read a path relative to the volume's root; None if it is not one of ours.

    The folders must agree with the name: a file moved by hand into another hour or camera is
    not taken for what its folder says.
    """
    if len(path.parts) != 5:
        return None
    camera, name, _day, _hour, _file = path.parts
    if not is_camera_id(camera) or name not in ("main", "sub"):
        return None
    stream = StreamKey.parse(f"{camera}/{name}")
    read = read_name(path.name)
    if read is None:
        return None
    start, stage = read
    if path_of(stream, start, stage) != path:
        return None
    return Place(stream, start, stage)


def read_name(name: str) -> tuple[Instant, Stage] | None:
    """Start and stage from a file's name alone; None if it is not one of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    day, hour, minute, second, nanos, stage = match.groups()
    try:
        start = parse_rfc3339(f"{day}T{hour}:{minute}:{second}.{nanos}Z")
    except ValueError:  # the digits fit, the calendar does not
        return None
    return start, Stage(stage)


def hour_of(day: str, hour: str) -> Instant | None:
    """The instant a pair of folders `2026-11-22`, `11` begins at; None if they are not ours."""
    try:
        moment = dt.datetime.strptime(f"{day} {hour}", "%Y-%m-%d %H").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    if f"{moment:%Y-%m-%d %H}" != f"{day} {hour}":
        return None
    return Instant(int((moment - _EPOCH).total_seconds()) * SECOND)


def hours_between(start: Instant, end: Instant) -> range:
    """The hours (as instants) a segment starting in [start, end] can stand in."""
    return range(start // HOUR * HOUR, end + 1, HOUR)
