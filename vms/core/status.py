"""How the recorder is right now: written each second by its workers, read by web and commands.

One small JSON file per worker, replaced whole, so that a reader never sees half of it and
never waits. A file older than `STALE` means that its worker does not run.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from vms.core.clock import SECOND, Instant, Span, parse_rfc3339, rfc3339
from vms.core.errors import VmsError
from vms.core.model import Cause, State, StreamKey

STALE = Span(5 * SECOND)

_EPOCH = Instant(0)


class StatusError(VmsError):
    """A status file is not what a worker writes."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream. `until`: how long it waits by choice, as far as known. `source_reason`: why it
    isn't the native source. `fps`, `bitrate`: measured over the last seconds, bits a second.
    `clock_offset_ms`: the camera's clock minus ours, years where it was never set.

    Counters run since the worker's start. `lost`: packets missing by sequence number;
    `damaged`: pictures not kept because a part of them was missing; `dropped`: units that were
    received and not stored; `runs`: connections; `errors`: those that ended badly.
    """

    state: State
    since: Instant
    cause: Cause | None = None
    detail: str | None = None
    until: Instant | None = None
    retry_at: Instant | None = None
    source: str | None = None
    source_reason: str | None = None
    notes: tuple[str, ...] = ()
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    audio: str | None = None
    fps: float = 0.0
    bitrate: int = 0
    last_frame: Instant | None = None
    clock_offset_ms: float | None = None
    clock_error_ms: float | None = None
    units: int = 0
    bytes: int = 0
    lost: int = 0
    damaged: int = 0
    resyncs: int = 0
    dropped: int = 0
    runs: int = 0
    errors: int = 0
    viewers: int = 0


class VolumeStatus(NamedTuple):
    """A volume for one worker. `state`: good, full, failed, missing or foreign."""

    path: str
    uuid: str | None
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker of the recorder. `cpu_seconds`: since its start. `loop_lag_ms`: the longest
    delay of its event loop in the last seconds. `live_dropped`: units not sent to viewers.
    `ntp_error_ms`: bound of the machine's clock, None when it is not synchronised.
    """

    worker: int
    workers: int
    pid: int
    at: Instant
    streams: dict[StreamKey, StreamStatus] = field(default_factory=dict)
    started: Instant = _EPOCH
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    loop_lag_ms: float = 0.0
    live_clients: int = 0
    live_dropped: int = 0
    ntp_synchronised: bool = False
    ntp_error_ms: float | None = None
    volumes: tuple[VolumeStatus, ...] = ()


_TIMES = frozenset({"since", "until", "retry_at", "last_frame", "at", "started"})
_STREAM = tuple(f.name for f in fields(StreamStatus))
_WORKER = tuple(f.name for f in fields(WorkerStatus) if f.name != "streams")

# Most times are the same each second; half a thousand streams' are kept.
_time = functools.lru_cache(maxsize=2048)(rfc3339)


def status_path(run_dir: Path, worker: int) -> Path:
    """Where worker `worker` writes."""
    return run_dir / f"recorder-{worker}.status.json"


def write_status(path: Path, status: WorkerStatus) -> None:
    """Replace the file at `path`; readers see the old or the new one, whole."""
    facts = _plain(status, _WORKER)
    facts["streams"] = {str(key): _plain(value, _STREAM) for key, value in status.streams.items()}
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    fresh.write_text(json.dumps(facts, separators=(",", ":")), encoding="utf-8")
    fresh.replace(path)


def read_status(path: Path) -> WorkerStatus:
    """Read one file. Raises FileNotFoundError, StatusError."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        streams = {
            StreamKey.parse(name): StreamStatus(**_typed(value, StreamStatus))
            for name, value in facts.pop("streams").items()
        }
        return WorkerStatus(**_typed(facts, WorkerStatus), streams=streams)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StatusError(f"{path} is no status of a recorder's worker: {error}") from error


def read_workers(run_dir: Path, now: Instant) -> list[WorkerStatus]:
    """The workers that run, by number; stale files and those of an older count are left out."""
    found = []
    for path in sorted(run_dir.glob("recorder-*.status.json")):
        try:
            status = read_status(path)
        except (FileNotFoundError, StatusError):
            continue  # just removed, or of another release: as if it did not run
        if now - status.at <= STALE:
            found.append(status)
    newest = max(found, key=lambda status: status.at, default=None)
    if newest is None:
        return []
    return sorted((s for s in found if s.workers == newest.workers), key=lambda s: s.worker)


def read_statuses(run_dir: Path, now: Instant) -> dict[StreamKey, StreamStatus]:
    """Every stream of the workers that run. A stream not in it: its worker does not run."""
    return streams_of(read_workers(run_dir, now))


def streams_of(workers: Iterable[WorkerStatus]) -> dict[StreamKey, StreamStatus]:
    """The streams of some workers together."""
    return {key: value for worker in workers for key, value in worker.streams.items()}


def _plain(value: StreamStatus | WorkerStatus, names: tuple[str, ...]) -> dict[str, Any]:
    facts = {name: getattr(value, name) for name in names}
    for name in _TIMES:
        if (time := facts.get(name)) is not None:
            facts[name] = _time(time)
    return facts


def _typed(values: dict[str, Any], kind: type[StreamStatus] | type[WorkerStatus]) -> dict[str, Any]:
    known = {f.name for f in fields(kind)}
    out = {name: value for name, value in values.items() if name in known}
    for name in _TIMES & out.keys():
        out[name] = parse_rfc3339(out[name]) if out[name] is not None else None
    if kind is WorkerStatus:
        out["volumes"] = tuple(VolumeStatus(*told) for told in out.get("volumes", ()))
    if kind is StreamStatus:
        out["state"] = State(out["state"])
        out["cause"] = Cause(out["cause"]) if out.get("cause") is not None else None
        out["notes"] = tuple(out.get("notes", ()))
    return out
