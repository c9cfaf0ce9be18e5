"""Playlists: pure, and played by ffmpeg from a real server."""

from __future__ import annotations

import io
import itertools
import subprocess
from pathlib import Path

import av
import httpx2
import pytest
from starlette.testclient import TestClient

from storage.facts import FragmentEntry, FragmentIndex, RunFacts
from storage.recording import Store
from tests.storage.encoded import coded, fragments
from tests.web.footage import GAP, GATE, NOW, START, THIRD_FILE
from tests.web.site import Served, WebSite, open_web_site, serve_web_site
from vms.core.clock import SECOND, FakeClock, Instant, rfc3339
from vms.core.media import StreamFormat, VideoFormat
from web.playback.hls import PlaylistFile, groups_of, playlist

BASE = Instant(1_763_800_000 * SECOND)
PLAIN = StreamFormat(VideoFormat("h264", 320, 240, (b"g",), (b"h",)))
OTHER = StreamFormat(VideoFormat("h264", 640, 480, (b"g",), (b"h",)))


def entry(second: float, offset: int, key: bool = True) -> FragmentEntry:
    return FragmentEntry(Instant(BASE + int(second * SECOND)), offset, 100, key)


def file(url: str, second: float, keys: str, form: StreamFormat = PLAIN) -> PlaylistFile:
    """One fragment a second; `keys` has K for those that begin with a keyframe."""
    entries = tuple(
        entry(second + n, 1_000 + n * 100, letter == "K") for n, letter in enumerate(keys)
    )
    end = Instant(BASE + int((second + len(keys)) * SECOND))
    return PlaylistFile(url, entries[0].start, end, FragmentIndex(1_000, entries), form)


def test_groups_reach_from_keyframe_to_keyframe() -> None:
    groups = groups_of(file("a", 0, "K--K-").index.fragments, Instant(BASE + 5 * SECOND))
    assert [(g.offset, g.size, (g.end - g.start) // SECOND) for g in groups] == [
        (1_000, 300, 3),
        (1_300, 200, 2),
    ]


def test_what_comes_before_the_first_keyframe_is_left_out() -> None:
    groups = groups_of(file("a", 0, "--K").index.fragments, Instant(BASE + 3 * SECOND))
    assert [g.offset for g in groups] == [1_200]


def test_a_gap_is_a_discontinuity_and_each_file_has_its_wall_clock() -> None:
    text = playlist(
        [file("a.mp4", 0, "KK"), file("b.mp4", 10, "K-")], BASE, Instant(BASE + 1_000 * SECOND)
    )
    assert text.splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-MEDIA-SEQUENCE:0",
        '#EXT-X-MAP:URI="a.mp4",BYTERANGE="1000@0"',
        f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(BASE)}",
        "#EXTINF:1.000000,",
        "#EXT-X-BYTERANGE:100@1000",
        "a.mp4",
        "#EXTINF:1.000000,",
        "#EXT-X-BYTERANGE:100@1100",
        "a.mp4",
        "#EXT-X-DISCONTINUITY",
        f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(BASE + 10 * SECOND)}",
        "#EXTINF:2.000000,",
        "#EXT-X-BYTERANGE:200@1000",
        "b.mp4",
        "#EXT-X-ENDLIST",
    ]


def test_files_of_one_run_are_one_piece() -> None:
    end = Instant(BASE + 1_000 * SECOND)
    same = playlist([file("a.mp4", 0, "KK"), file("b.mp4", 2, "KK")], BASE, end)
    assert (same.count("DISCONTINUITY"), same.count("EXT-X-MAP")) == (0, 1)
    other = playlist([file("a.mp4", 0, "KK"), file("b.mp4", 2, "KK", OTHER)], BASE, end)
    assert (other.count("DISCONTINUITY"), other.count("EXT-X-MAP")) == (1, 2)


def test_it_begins_with_the_keyframe_at_or_before_the_start() -> None:
    start, end = Instant(BASE + 3 * SECOND // 2), Instant(BASE + 5 * SECOND // 2)
    text = playlist([file("a.mp4", 0, "KKKK")], start, end)
    assert [line for line in text.splitlines() if "BYTERANGE:" in line] == [
        "#EXT-X-BYTERANGE:100@1100",
        "#EXT-X-BYTERANGE:100@1200",
    ]


def test_a_playlist_of_nothing_says_where_footage_goes_on(viewer: TestClient) -> None:
    query = {"start": rfc3339(START - 9 * SECOND), "end": rfc3339(START - SECOND)}
    answer = viewer.get("/api/cameras/gate-north/playback.m3u8", params=query)
    assert answer.status_code == 404
    assert answer.json()["next"] == rfc3339(START)


def test_a_playlist_spans_a_day_at_most(viewer: TestClient) -> None:
    query = {"start": rfc3339(START - 90_000 * SECOND), "end": rfc3339(NOW)}
    answer = viewer.get("/api/cameras/gate-north/playback.m3u8", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_span")


def pictures(served: Served, start: Instant, end: Instant) -> list[float]:
    """Presentation times of all pictures as ffprobe reads the playlist, which must not complain."""
    url = f"{served.url}/api/cameras/gate-north/playback.m3u8"
    url += f"?start={rfc3339(start)}&end={rfc3339(end)}"
    command = ["ffprobe", "-v", "warning", "-headers", f"Cookie: {served.cookie}\r\n"]
    command += ["-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(float(line.strip(",")) for line in done.stdout.split())


def test_ffmpeg_plays_over_file_borders_without_a_seam(past: WebSite) -> None:
    with serve_web_site(past) as served:
        for start, end, seconds in ((START, GAP, 8), (THIRD_FILE, NOW, 6)):
            times = pictures(served, start, end)
            steps = [later - earlier for earlier, later in itertools.pairwise(times)]
            assert len(times) == seconds * 25
            assert all(step == pytest.approx(0.04, abs=0.001) for step in steps)


def test_ffmpeg_plays_over_a_gap(tmp_path: Path) -> None:
    clock, plain = FakeClock(NOW), coded()
    with open_web_site(tmp_path, clock) as site:
        with Store(site.parts.settings, clock, threads=False) as store:
            for start in (START, START + 60 * SECOND):
                segment = store.open_segment(
                    GATE, Instant(start), plain.format, RunFacts(start, Instant(start))
                )
                for fragment in fragments(plain):
                    assert segment.append(fragment)
                segment.close(Instant(start + 4 * SECOND))
                store.pump()
        with serve_web_site(site) as served:
            times = pictures(served, START, Instant(START + 100 * SECOND))
    assert len(times) == 200
    assert times[100] - times[99] == pytest.approx(56.04, abs=0.01)


def test_only_decode_times_differ_in_a_moved_file(viewer: TestClient) -> None:
    url = f"/api/cameras/gate-north/segments/{THIRD_FILE}.mp4"
    plain = viewer.get(url).content
    moved = viewer.get(url, params={"since": str(THIRD_FILE - 10 * SECOND)}).content
    assert len(moved) == len(plain)
    with av.open(io.BytesIO(plain)) as a, av.open(io.BytesIO(moved)) as b:
        for before, after in zip(a.demux(), b.demux(), strict=True):
            if before.dts is None:
                continue
            assert bytes(before) == bytes(after)
            assert (after.dts - before.dts) * after.time_base == 10
    ranged = viewer.get(
        url, params={"since": str(THIRD_FILE - 10 * SECOND)}, headers={"Range": "bytes=100-30000"}
    )
    assert ranged.content == moved[100:30_001]
    late = viewer.get(url, params={"since": str(THIRD_FILE + 1)})
    assert late.status_code == 422


def test_a_file_is_served_by_the_real_server(past: WebSite) -> None:
    with serve_web_site(past) as served:
        span = f"start={rfc3339(START)}&end={rfc3339(NOW)}"
        answer = httpx2.get(
            f"{served.url}/api/cameras/gate-north/media?{span}", headers=served.headers
        )
        url = answer.json()["segments"][0]["url"]
        path = past.parts.archive.segments(GATE, START, NOW)[0].path
        assert httpx2.get(served.url + url, headers=served.headers).content == path.read_bytes()
        assert httpx2.get(served.url + url).status_code == 401


@pytest.mark.parametrize("name", ["healthz", "readyz", "metrics"])
def test_probes_on_the_real_server(past: WebSite, name: str) -> None:
    with serve_web_site(past) as served:
        answer = httpx2.get(f"{served.url}/{name}")
        assert answer.status_code == (503 if name == "readyz" else 200)
        if name == "metrics":
            assert "vms_recorder_workers_running 0.0" in answer.text
            assert "process_cpu_seconds_total" in answer.text
            through = {"X-Forwarded-For": "10.0.0.7"}
            assert httpx2.get(f"{served.url}/metrics", headers=through).status_code == 401
