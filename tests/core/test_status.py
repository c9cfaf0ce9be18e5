"""Status files: what a worker writes is what readers get; old and broken files count as absent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vms.core.clock import SECOND, Instant
from vms.core.model import CameraId, Cause, State, StreamKey
from vms.core.ntp import ntp_state
from vms.core.status import (
    StatusError,
    StreamStatus,
    WorkerStatus,
    read_status,
    read_statuses,
    read_workers,
    status_path,
    write_status,
)

NOW = Instant(1_763_800_000 * SECOND)
GATE = StreamKey(CameraId("gate"))
STATUS = WorkerStatus(
    worker=0,
    workers=2,
    pid=7,
    at=NOW,
    streams={
        GATE: StreamStatus(
            State.FAILED,
            NOW,
            Cause.REFUSED,
            "10.0.0.5:554 refused the password",
            retry_at=Instant(NOW + 5 * SECOND),
            fps=24.98,
            notes=("a note",),
        ),
        StreamKey(CameraId("gate"), "sub"): StreamStatus(State.STREAMING, NOW, last_frame=NOW),
    },
    cpu_seconds=1.5,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = status_path(tmp_path, 0)
    write_status(path, STATUS)
    assert read_status(path) == STATUS
    assert read_statuses(tmp_path, NOW) == STATUS.streams
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_worker_that_no_longer_writes_does_not_run(tmp_path: Path) -> None:
    write_status(status_path(tmp_path, 0), STATUS)
    assert read_workers(tmp_path, Instant(NOW + 5 * SECOND)) == [STATUS]
    assert read_workers(tmp_path, Instant(NOW + 5 * SECOND + 1)) == []


def test_files_of_an_older_number_of_workers_are_left_out(tmp_path: Path) -> None:
    write_status(status_path(tmp_path, 0), STATUS)
    older = replace(STATUS, worker=3, workers=4, at=Instant(NOW - SECOND))
    write_status(status_path(tmp_path, 3), older)
    assert read_workers(tmp_path, NOW) == [STATUS]


def test_a_broken_file_is_named_and_counts_as_absent(tmp_path: Path) -> None:
    path = status_path(tmp_path, 0)
    path.write_text('{"worker": 0, "streams": {"Bad": 1}}')
    with pytest.raises(StatusError, match="recorder-0"):
        read_status(path)
    assert read_statuses(tmp_path, NOW) == {}


def test_the_kernel_tells_how_well_its_clock_is_kept() -> None:
    state = ntp_state()
    assert (state.error is not None) == state.synchronised
