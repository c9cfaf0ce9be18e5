"""Playlists: pure, and played by ffmpeg from a real server."""

from __future__ import annotations

import json
import subprocess

import httpx2
import pytest
from starlette.testclient import TestClient

from storage.facts import FragmentEntry, FragmentIndex
from tests.web.footage import NOW, START
from tests.web.site import WebSite, serve_web_site
from vms.core.clock import SECOND, Instant, rfc3339
from web.playback.hls import PlaylistFile, groups_of, playlist

BASE = Instant(1_763_800_000 * SECOND)


def entry(second: float, offset: int, key: bool = True) -> FragmentEntry:
    return FragmentEntry(Instant(BASE + int(second * SECOND)), offset, 100, key)


def file(url: str, second: float, keys: str) -> PlaylistFile:
    """One fragment a second; `keys` has K for those that begin with a keyframe."""
    entries = tuple(
        entry(second + n, 1_000 + n * 100, letter == "K") for n, letter in enumerate(keys)
    )
    end = Instant(BASE + int((second + len(keys)) * SECOND))
    return PlaylistFile(url, end, FragmentIndex(1_000, entries))


def test_groups_reach_from_keyframe_to_keyframe() -> None:
    groups = groups_of(file("a", 0, "K--K-").index.fragments, Instant(BASE + 5 * SECOND))
    assert [(g.offset, g.size, (g.end - g.start) // SECOND) for g in groups] == [
        (1_000, 300, 3),
        (1_300, 200, 2),
    ]


def test_what_comes_before_the_first_keyframe_is_left_out() -> None:
    groups = groups_of(file("a", 0, "--K").index.fragments, Instant(BASE + 3 * SECOND))
    assert [g.offset for g in groups] == [1_200]


def test_each_file_has_its_map_and_its_wall_clock() -> None:
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
        '#EXT-X-MAP:URI="b.mp4",BYTERANGE="1000@0"',
        f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(BASE + 10 * SECOND)}",
        "#EXTINF:2.000000,",
        "#EXT-X-BYTERANGE:200@1000",
        "b.mp4",
        "#EXT-X-ENDLIST",
    ]


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


def test_ffmpeg_plays_it_over_borders_and_the_gap(past: WebSite) -> None:
    query = f"start={rfc3339(START)}&end={rfc3339(NOW)}"
    with serve_web_site(past) as served:
        url = f"{served.url}/api/cameras/gate-north/playback.m3u8?{query}"
        # 14 s of pictures at 25 a second: two files, the gap, a file with sound, the open one.
        command = ["ffprobe", "-v", "warning", "-headers", f"Cookie: {served.cookie}\r\n"]
        command += ["-allowed_extensions", "ALL", "-extension_picky", "0"]
        command += ["-select_streams", "v", "-count_packets", "-show_streams", "-of", "json", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        (video,) = json.loads(done.stdout)["streams"]
        assert int(video["nb_read_packets"]) == 14 * 25


def test_a_file_is_served_by_the_real_server(past: WebSite) -> None:
    with serve_web_site(past) as served:
        span = f"start={rfc3339(START)}&end={rfc3339(NOW)}"
        answer = httpx2.get(
            f"{served.url}/api/cameras/gate-north/media?{span}", headers=served.headers
        )
        url = answer.json()["segments"][0]["url"]
        path = past.parts.archive.segments(_gate(), START, NOW)[0].path
        assert httpx2.get(served.url + url, headers=served.headers).content == path.read_bytes()
        assert httpx2.get(served.url + url).status_code == 401


def _gate():  # type: ignore[no-untyped-def]
    from tests.web.footage import GATE

    return GATE


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
