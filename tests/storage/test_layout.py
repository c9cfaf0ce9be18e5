"""Paths are made and read in one place, and say exactly what they hold."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.layout import Place, Stage, hour_of, path_of, place_of, read_name
from vms.core.clock import HOUR, Instant, parse_rfc3339
from vms.core.model import CameraId, StreamKey

ids = st.from_regex(r"[a-z0-9](?:-?[a-z0-9]){0,30}", fullmatch=True)
streams = st.builds(StreamKey, ids.map(CameraId), st.sampled_from(["main", "sub"]))
instants = st.integers(0, 4_000_000_000_000_000_000).map(Instant)


def test_a_path_tells_stream_hour_and_start() -> None:
    start = parse_rfc3339("2026-11-22T11:32:07.123456789Z")
    path = path_of(StreamKey(CameraId("gate-north")), start)
    assert path == PurePosixPath("gate-north/main/2026-11-22/11/2026-11-22T11-32-07.123456789Z.mp4")


@given(streams, instants, st.sampled_from(Stage))
def test_a_path_reads_back_to_the_nanosecond(stream: StreamKey, at: Instant, stage: Stage) -> None:
    path = path_of(stream, at, stage)
    assert place_of(path) == Place(stream, at, stage)
    hour = hour_of(path.parts[2], path.parts[3])
    assert hour == at // HOUR * HOUR


@given(st.text())
def test_no_text_is_mistaken_for_footage(text: str) -> None:
    read = read_name(text)
    assert read is None or text.startswith(("1", "2"))
    place_of(PurePosixPath(text or "x"))


@pytest.mark.parametrize(
    "path",
    [
        "gate/main/2026-11-22/12/2026-11-22T11-32-07.123456789Z.mp4",  # another hour
        "gate/main/2026-11-21/11/2026-11-22T11-32-07.123456789Z.mp4",
        "GATE/main/2026-11-22/11/2026-11-22T11-32-07.123456789Z.mp4",
        "gate/third/2026-11-22/11/2026-11-22T11-32-07.123456789Z.mp4",
        "gate/main/2026-11-22/11/2026-11-22T11-32-07.123456789Z.mov",
        "gate/main/2026-13-22/11/2026-13-22T11-32-07.123456789Z.mp4",
        "../main/2026-11-22/11/2026-11-22T11-32-07.123456789Z.mp4",
    ],
)
def test_a_misplaced_file_is_not_taken_for_footage(path: str) -> None:
    assert place_of(PurePosixPath(path)) is None
