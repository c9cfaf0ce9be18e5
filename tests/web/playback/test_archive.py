"""The past over HTTP: what there is, which bytes, and the picture at a time."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest
from starlette.testclient import TestClient

from tests.web import footage
from tests.web.footage import GAP, NOW, OPEN_FILE, SECOND_FILE, START, THIRD_FILE
from tests.web.site import WebSite
from vms.core.clock import SECOND, Instant, parse_rfc3339, rfc3339

GATE = "/api/cameras/gate-north"
WHOLE = {"start": rfc3339(START), "end": rfc3339(NOW)}


def media(client: TestClient, **query: str) -> dict[str, Any]:
    answer = client.get(f"{GATE}/media", params={**WHOLE, **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_the_timeline_shows_footage_and_gaps_with_cause(viewer: TestClient) -> None:
    body = viewer.get(f"{GATE}/timeline", params={**WHOLE, "width": "1200"}).json()
    assert body["first"] == rfc3339(START)
    assert body["spans"] == [
        {"start": rfc3339(START), "end": rfc3339(GAP)},
        {"start": rfc3339(THIRD_FILE), "end": rfc3339(NOW)},
    ]
    assert [(g["start"], g["end"], g["seconds"], g["cause"]) for g in body["gaps"]] == [
        (rfc3339(GAP), rfc3339(THIRD_FILE), 10.0, "unreachable")
    ]
    assert body["gaps"][0]["detail"] == "no route to 10.0.0.5"
    assert len(body["activity"]["peak"]) == len(body["activity"]["mean"]) == 1200
    assert body["holds"] == []


def test_a_coarse_timeline_is_one_span(viewer: TestClient) -> None:
    query = {"start": rfc3339(START - 200 * 86_400 * SECOND), "end": rfc3339(NOW), "width": "1"}
    body = viewer.get(f"{GATE}/timeline", params=query).json()
    assert len(body["spans"]) == 1
    assert len(body["gaps"]) == 1


def test_media_lists_every_fragment_where_it_stands(viewer: TestClient, past: WebSite) -> None:
    segments = media(viewer)["segments"]
    assert [parse_rfc3339(s["start"]) for s in segments] == [
        START,
        SECOND_FILE,
        THIRD_FILE,
        OPEN_FILE,
    ]
    assert [s["open"] for s in segments] == [False, False, False, True]
    assert [len(s["fragments"]) for s in segments] == [4, 4, 4, 2]
    assert segments[0]["fragments"][1][0] == pytest.approx(1000.0)
    assert segments[2]["audio_codec"] == "aac"
    assert segments[2]["mime"].startswith('video/mp4; codecs="avc1.')
    for segment in segments:
        at = segment["init_length"]
        for _, offset, size, key in segment["fragments"]:
            assert (offset, key) == (at, 1)
            at += size


def test_next_says_where_footage_goes_on(viewer: TestClient) -> None:
    body = media(viewer, end=rfc3339(START + SECOND))
    assert len(body["segments"]) == 1
    assert parse_rfc3339(body["next"]) == SECOND_FILE
    in_gap = media(viewer, start=rfc3339(GAP + SECOND), end=rfc3339(GAP + 2 * SECOND))
    assert in_gap["segments"] == []
    assert parse_rfc3339(in_gap["next"]) == THIRD_FILE
    assert media(viewer)["next"] is None


def test_fragments_fetched_by_range_decode(viewer: TestClient) -> None:
    segment = media(viewer)["segments"][1]
    head = viewer.get(segment["url"], headers={"Range": f"bytes=0-{segment['init_length'] - 1}"})
    _, offset, size, _ = segment["fragments"][2]
    part = viewer.get(segment["url"], headers={"Range": f"bytes={offset}-{offset + size - 1}"})
    assert (head.status_code, part.status_code) == (206, 206)
    with av.open(io.BytesIO(head.content + part.content)) as file:
        assert len(list(file.decode(video=0))) == 25


def test_a_whole_file_and_its_head(viewer: TestClient, past: WebSite) -> None:
    url = media(viewer)["segments"][0]["url"]
    path = past.parts.archive.segments(footage.GATE, START, SECOND_FILE)[0].path
    answer, head = viewer.get(url), viewer.head(url)
    assert answer.content == path.read_bytes()
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "content-encoding" not in answer.headers
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=-10", 206, -10, -1),
        ("BYTES=0-9", 206, 0, 9),  # units know no case (RFC 9110 §14.1)
        ("bytes=5-", 206, 5, -1),
        ("bytes=0-99999999999", 206, 0, -1),
        ("bytes=9-5", 200, 0, -1),
        ("bytes=0-1,5-9", 200, 0, -1),
        ("lines=0-9", 200, 0, -1),
        ("bytes=-", 200, 0, -1),
    ],
)
def test_ranges(viewer: TestClient, asked: str, status: int, first: int, last: int) -> None:
    url = media(viewer)["segments"][0]["url"]
    whole = viewer.get(url).content
    answer = viewer.get(url, headers={"Range": asked})
    first, last = first % len(whole), last % len(whole)
    assert answer.status_code == status
    assert answer.content == whole[first : last + 1]
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_behind_the_end_is_416(viewer: TestClient, asked: str) -> None:
    url = media(viewer)["segments"][0]["url"]
    answer = viewer.get(url, headers={"Range": asked})
    size = len(viewer.get(url).content)
    assert (answer.status_code, answer.json()["code"]) == (416, "range")
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_a_closed_file_has_a_validator_an_open_one_has_none(viewer: TestClient) -> None:
    segments = media(viewer)["segments"]
    etag = viewer.head(segments[0]["url"]).headers["etag"]
    again = viewer.get(segments[0]["url"], headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    stale = {"Range": "bytes=0-9", "If-Range": '"other"'}
    assert viewer.get(segments[0]["url"], headers=stale).status_code == 200
    fresh = {"Range": "bytes=0-9", "If-Range": etag}
    assert viewer.get(segments[0]["url"], headers=fresh).status_code == 206
    growing = viewer.head(segments[3]["url"]).headers
    assert "etag" not in growing
    assert growing["cache-control"] == "no-store"


@pytest.mark.parametrize("number", [0, 7, 24, 25, 60, 99])
def test_the_picture_is_the_one_on_show(viewer: TestClient, number: int) -> None:
    at = Instant(THIRD_FILE + number * SECOND // 25 + SECOND // 100)
    answer = viewer.get(f"{GATE}/frame.jpg", params={"at": rfc3339(at, digits=9), "width": "160"})
    assert answer.headers["content-type"] == "image/jpeg"
    with av.open(io.BytesIO(answer.content)) as file:
        (frame,) = file.decode(video=0)
        assert (frame.width, frame.height) == (160, 120)
        # Picture n is grey n with one white column (tests.storage.encoded).
        assert int(frame.to_ndarray(format="gray")[:, 120:].mean()) == pytest.approx(number, abs=4)


def test_a_picture_is_never_enlarged(viewer: TestClient) -> None:
    query = {"at": rfc3339(START), "width": "3840"}
    answer = viewer.get(f"{GATE}/frame.jpg", params=query)
    with av.open(io.BytesIO(answer.content)) as file:
        (frame,) = file.decode(video=0)
        assert (frame.width, frame.height) == (320, 240)


def test_no_picture_in_a_gap_but_where_to_look(viewer: TestClient) -> None:
    answer = viewer.get(f"{GATE}/frame.jpg", params={"at": rfc3339(GAP + SECOND)})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (404, "no_footage")
    assert parse_rfc3339(body["next"]) == THIRD_FILE


@pytest.mark.parametrize("route", ["timeline", "media", "playback.m3u8"])
@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z", "start"),
        ("2026-11-22T12:00:01Z", "2026-11-22T12:00:00Z", "start"),
        ("2026-11-22T12:00:00", "2026-11-22T12:01:00Z", "start"),
        ("2026-11-22T12:00:00Z", "tomorrow", "end"),
        ("2020-01-01T00:00:00Z", "2026-11-22T12:00:00Z", "end"),
        ("9999-01-01T00:00:00Z", "9999-01-02T00:00:00Z", "start"),
        ("2026-02-30T00:00:00Z", "2026-03-02T00:00:00Z", "start"),
    ],
)
def test_bad_times_are_422_and_named(
    viewer: TestClient, route: str, start: str, end: str, field: str
) -> None:
    answer = viewer.get(f"{GATE}/{route}", params={"start": start, "end": end})
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_an_offset_with_an_unescaped_plus_is_understood(viewer: TestClient) -> None:
    start = rfc3339(START + 3 * 3600 * SECOND).replace("Z", "+03:00")
    answer = viewer.get(f"{GATE}/media?start={start}&end={rfc3339(NOW)}")
    assert answer.status_code == 200
    assert answer.json()["start"] == rfc3339(START)


def test_unknown_things_are_404(viewer: TestClient) -> None:
    for path in (
        "/api/cameras/nobody/timeline?start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z",
        f"{GATE}/segments/12345.mp4",
        f"{GATE}/segments/{START + 1}.mp4",
    ):
        answer = viewer.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    for number in ("-1", "99999999999999999999", "x"):
        assert viewer.get(f"{GATE}/segments/{number}.mp4").status_code == 422


def test_every_byte_is_behind_the_sign_in(past: WebSite, viewer: TestClient) -> None:
    urls = [s["url"] for s in media(viewer)["segments"]]
    stranger = TestClient(past.app, base_url="http://vms.test")
    span = f"start={WHOLE['start']}&end={WHOLE['end']}"
    urls += [f"{GATE}/{route}?{span}" for route in ("timeline", "media", "playback.m3u8")]
    urls.append(f"{GATE}/frame.jpg?at={WHOLE['start']}")
    for url in urls:
        assert stranger.get(url).status_code == 401, url
        assert stranger.get(url, headers={"Range": "bytes=0-9"}).status_code == 401, url
