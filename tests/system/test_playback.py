"""The archive over HTTP: HLS in ffmpeg, pictures at a time, byte ranges, answers to bad input."""

from __future__ import annotations

import itertools
import subprocess
from typing import Any

import httpx2
import pytest

from tests.system.conftest import Town
from tests.system.footage import strip_of_jpeg
from vms.core.clock import MILLISECOND, SECOND, Instant, parse_rfc3339, rfc3339

# A picture's capture is earlier than its place in the archive by what the way took: coding in
# the camera, and packets waiting for their sweep on a machine that is busy with tests.
WAY = 250 * MILLISECOND
PICTURE = SECOND // 10


def done_segments(town: Town, camera: str) -> list[dict[str, Any]]:
    return [fact for fact in town.site.coverage(camera)[0] if fact["sha256"] is not None]


def the_gap(town: Town) -> tuple[Instant, Instant]:
    """Begin and end of the bridge's failure, whatever the causes in it."""
    gaps = town.site.coverage("bridge")[1][1:]
    return parse_rfc3339(gaps[0]["start"]), parse_rfc3339(gaps[-1]["end"])


def test_ffmpeg_plays_the_playlist_over_a_gap(whole_town: Town) -> None:
    gap, back = the_gap(whole_town)
    start = max(gap - 2 * SECOND, parse_rfc3339(done_segments(whole_town, "bridge")[0]["start"]))
    end = back + 2 * SECOND
    with whole_town.client() as client:
        span = {"start": rfc3339(start), "end": rfc3339(end)}
        answer = client.get("/api/cameras/bridge/playback.m3u8", params=span)
        assert answer.status_code == 200
        assert "#EXT-X-PROGRAM-DATE-TIME" in answer.text
        assert "#EXT-X-DISCONTINUITY" in answer.text
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        command = ["ffmpeg", "-v", "warning", "-nostdin", "-headers", f"Cookie: {cookie}\r\n"]
        command += ["-i", str(answer.request.url), "-f", "null", "-progress", "-", "-"]
        played = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert played.returncode == 0, played.stderr
    assert played.stderr.strip() == ""
    pictures = int(played.stdout.rpartition("frame=")[2].split()[0])
    footage = (gap - start + end - back) / PICTURE
    # Whole fragments are sent: up to a second more at both ends and beside the gap.
    assert footage - 2 <= pictures <= footage + 42


def test_nobody_plays_it_without_signing_in(whole_town: Town) -> None:
    url = f"{whole_town.up.url}/api/cameras/bridge/playback.m3u8"
    span = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}
    assert httpx2.get(url, params=span).status_code == 401
    segment = done_segments(whole_town, "bridge")[0]
    ns = parse_rfc3339(segment["start"])
    bytes_url = f"{whole_town.up.url}/api/cameras/bridge/segments/{ns}.mp4"
    assert httpx2.get(bytes_url).status_code == 401


@pytest.mark.parametrize("camera", ["square", "gate", "market"])
def test_a_picture_is_the_one_that_was_shown_then(whole_town: Town, camera: str) -> None:
    rate = 8 if camera == "market" else 10
    segment = done_segments(whole_town, camera)[0]
    start, end = parse_rfc3339(segment["start"]), parse_rfc3339(segment["end"])
    with whole_town.client() as client:
        for at in (start, start + (end - start) // 2, end - 50 * MILLISECOND):
            answer = client.get(
                f"/api/cameras/{camera}/frame.jpg", params={"at": rfc3339(at, digits=9)}
            )
            assert answer.headers["content-type"] == "image/jpeg"
            seen = strip_of_jpeg(answer.content)
            assert seen is not None
            late = at - seen.time
            assert -5 * MILLISECOND <= late <= SECOND / rate + WAY, f"{late / 1e6:.0f} ms"
        small = client.get(
            f"/api/cameras/{camera}/frame.jpg", params={"at": rfc3339(start), "width": 160}
        )
        assert len(small.content) < len(answer.content)


def test_neighbouring_moments_show_neighbouring_pictures(whole_town: Town) -> None:
    segment = done_segments(whole_town, "gate")[0]
    start = parse_rfc3339(segment["start"])
    counters = []
    with whole_town.client() as client:
        for number in range(10):
            at = rfc3339(start + number * PICTURE + PICTURE // 2, digits=9)
            answer = client.get("/api/cameras/gate/frame.jpg", params={"at": at})
            seen = strip_of_jpeg(answer.content)
            assert seen is not None
            counters.append(seen.counter)
    assert counters == list(range(counters[0], counters[0] + 10))


def test_a_picture_by_the_command_line_is_the_same(whole_town: Town) -> None:
    segment = done_segments(whole_town, "gate")[1]
    output = whole_town.site.folder / "frame.jpg"
    done = whole_town.site.vms("frame", "gate", "--at", segment["start"], "-o", str(output))
    assert done.returncode == 0, done.stderr
    with whole_town.client() as client:
        answer = client.get("/api/cameras/gate/frame.jpg", params={"at": segment["start"]})
    assert output.read_bytes() == answer.content


def test_byte_ranges_are_the_files_bytes(whole_town: Town) -> None:
    segment = done_segments(whole_town, "gate")[0]
    with open(segment["path"], "rb") as file:  # noqa: PTH123
        data = file.read()
    start = parse_rfc3339(segment["start"])
    with whole_town.client() as client:
        url = f"/api/cameras/gate/segments/{start}.mp4"
        whole = client.get(url)
        assert whole.content == data
        assert whole.headers["etag"] == f'"{segment["sha256"]}"'
        for asked, expected in (
            ("bytes=0-99", data[:100]),
            ("bytes=500-", data[500:]),
            ("bytes=-64", data[-64:]),
        ):
            part = client.get(url, headers={"Range": asked})
            assert part.status_code == 206
            assert part.content == expected
        beyond = client.get(url, headers={"Range": f"bytes={len(data)}-"})
        assert beyond.status_code == 416
        same = client.get(url, headers={"If-None-Match": whole.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


def test_fragments_listed_for_the_player_tile_the_file(whole_town: Town) -> None:
    segment = done_segments(whole_town, "square")[0]
    with whole_town.client() as client:
        span = {"start": segment["start"], "end": segment["end"]}
        listed = client.get("/api/cameras/square/media", params=span).json()["segments"][0]
    offsets = [(at, size) for _, at, size, _ in listed["fragments"]]
    assert offsets[0][0] == listed["init_length"]
    for (at, size), (following, _) in itertools.pairwise(offsets):
        assert at + size == following
    assert offsets[-1][0] + offsets[-1][1] <= segment["bytes"]
    assert listed["fragments"][0][3] == 1
    moments = [ms for ms, _, _, _ in listed["fragments"]]
    assert moments[0] == 0
    assert all(0 < b - a <= 1_100 for a, b in itertools.pairwise(moments))


def test_the_timeline_shows_the_gap_with_its_cause(whole_town: Town) -> None:
    gap, back = the_gap(whole_town)
    span = {"start": rfc3339(gap - 10 * SECOND), "end": rfc3339(back + 10 * SECOND)}
    with whole_town.client() as client:
        found = client.get("/api/cameras/bridge/timeline", params=span | {"width": 4000}).json()
        month = {"start": rfc3339(gap - 15 * 86_400 * SECOND), "end": rfc3339(back + SECOND)}
        coarse = client.get("/api/cameras/bridge/timeline", params=month).json()
    assert "unreachable" in {one["cause"] for one in found["gaps"]}
    for one in found["spans"]:
        begin, end = parse_rfc3339(one["start"]), parse_rfc3339(one["end"])
        assert end <= gap + SECOND or begin >= back - SECOND
    assert len(coarse["spans"]) == 1
    assert coarse["gaps"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/cameras/nobody", 404),
        ("/api/cameras/nobody/timeline?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z", 404),
        ("/api/cameras/..%2f..%2fetc/timeline", 404),
        ("/api/cameras/gate/timeline?start=yesterday&end=now", 422),
        ("/api/cameras/gate/timeline?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", 422),
        ("/api/cameras/gate/frame.jpg", 422),
        ("/api/cameras/gate/frame.jpg?at=2020-01-01T00:00:00Z", 404),
        ("/api/cameras/gate/segments/12.mp4", 404),
        ("/api/cameras/gate/segments/-1.mp4", 422),
        ("/api/cameras/gate/media?start=2026-01-01T00:00:00Z&end=2026-01-01T00:00:01Z&stream=x",
         422),
        ("/api/nothing", 404),
    ],
)  # fmt: skip
def test_bad_requests_get_a_problem_and_never_a_traceback(
    running_town: Town, path: str, status: int
) -> None:
    with running_town.client() as client:
        answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(problem)
    assert problem["status"] == status
    assert "Traceback" not in answer.text


def test_changing_requests_need_their_token(running_town: Town) -> None:
    with running_town.client() as client:
        del client.headers["X-CSRF-Token"]
        client.headers["Sec-Fetch-Site"] = "same-origin"  # as a browser
        answer = client.post("/api/cameras/gate/live/whep?stream=main", content=b"v=0")
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
        assert client.delete("/api/session").status_code == 403
        assert client.get("/api/session").status_code == 200
