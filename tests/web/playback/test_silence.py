"""Who may not hear looks back on the same pictures, and gets not one byte of the sound."""

from __future__ import annotations

import io

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from storage.fmp4.init import init_section
from storage.fmp4.moof import build_fragment
from tests.storage.encoded import coded, fragments
from tests.web.footage import NOW, OPEN_FILE, START, THIRD_FILE
from tests.web.site import PASSWORD, WebSite
from vms.core.clock import rfc3339
from vms.people.roles import Granted, RoleSettings
from web.playback.silence import silenced

GATE = "/api/cameras/gate-north"


@pytest.fixture
def deaf(past: WebSite) -> TestClient:
    past.parts.roles.put(RoleSettings("deaf", ("archive", "cameras", "export", "own_session")))
    if not past.parts.accounts.knows("sevgi"):
        past.parts.accounts.add("sevgi", PASSWORD, grants=[Granted("deaf")])
    client = TestClient(past.app, base_url="http://vms.test", raise_server_exceptions=False)
    session = past.parts.sessions.start(past.parts.accounts.get("sevgi"), "10.0.0.9")
    client.cookies.set("vms_session", session.token)
    client.headers["X-CSRF-Token"] = session.csrf
    return client


def pictures_of(data: bytes) -> list[tuple[int | None, bytes]]:
    with av.open(io.BytesIO(data)) as container:
        return [(packet.pts, bytes(packet)) for packet in container.demux(video=0) if packet.size]


def test_pictures_stay_and_no_byte_of_sound_does() -> None:
    stream = coded(b_frames=2, audio="aac")
    init, parts = init_section(stream.format), fragments(stream)
    built = [build_fragment(one, number) for number, one in enumerate(parts, 1)]
    quiet = silenced(init) + b"".join(silenced(one) for one in built)
    whole = init + b"".join(built)
    assert len(quiet) == len(whole)
    assert pictures_of(quiet) == pictures_of(whole)
    heard = [bytes(sample.data) for one in parts for sample in one.audio if len(sample.data) > 8]
    assert heard
    assert all(one in whole and one not in quiet for one in heard)
    with av.open(io.BytesIO(quiet)) as container:
        assert not container.streams.audio


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(0, 3_000))
def test_what_cant_be_read_is_given_out_as_nothing(noise: bytes, cut: int) -> None:
    assert silenced(b"\x00" + noise) == bytes(1 + len(noise))
    heard = next(one for one in fragments(coded(b_frames=2, audio="aac")) if one.audio)
    fragment = build_fragment(heard, 1)
    torn = fragment[: min(cut, len(fragment) - 1)]
    assert silenced(torn) == bytes(len(torn))


@pytest.mark.parametrize("start", [THIRD_FILE, OPEN_FILE])
def test_files_are_served_without_sound_at_the_same_places(
    viewer: TestClient, deaf: TestClient, start: int
) -> None:
    span = {"start": rfc3339(START), "end": rfc3339(NOW)}
    at = rfc3339(start)
    told, quiet = (
        next(
            one
            for one in client.get(f"{GATE}/media", params=span).json()["segments"]
            if one["start"] == at
        )
        for client in (viewer, deaf)
    )
    assert (told["audio_codec"] is None, quiet["audio_codec"]) == (False, None)
    assert "mp4a" in told["mime"]
    assert "mp4a" not in quiet["mime"]
    assert quiet["fragments"] == told["fragments"]
    length = told["fragments"][-1][1] + told["fragments"][-1][2]
    full, silent = (
        client.get(f"{GATE}/segments/{start}.mp4").content[:length] for client in (viewer, deaf)
    )
    assert len(full) == len(silent) == length
    assert pictures_of(full) == pictures_of(silent)
    with av.open(io.BytesIO(silent)) as container:
        assert not container.streams.audio
    _, offset, size, _ = told["fragments"][1]
    middle = {"Range": f"bytes={offset + 10}-{offset + size - 1}"}
    part = deaf.get(f"{GATE}/segments/{start}.mp4", headers=middle)
    assert (part.status_code, part.content) == (206, silent[offset + 10 : offset + size])


def test_a_playlist_names_no_sound_and_its_files_have_none(deaf: TestClient) -> None:
    span = {"start": rfc3339(THIRD_FILE), "end": rfc3339(NOW)}
    assert deaf.get(f"{GATE}/playback.m3u8", params=span).status_code == 200
    file = deaf.get(f"{GATE}/segments/{THIRD_FILE}.mp4", params={"since": str(START)}).content
    with av.open(io.BytesIO(file)) as container:
        assert not container.streams.audio


def test_a_package_with_sound_is_not_for_who_may_not_hear(deaf: TestClient) -> None:
    span = {"start": rfc3339(THIRD_FILE), "end": rfc3339(OPEN_FILE)}
    refused = deaf.post("/api/exports", json={"cameras": ["gate-north"], **span})
    assert (refused.status_code, refused.json()["permission"]) == (403, "sound")
    span = {"start": rfc3339(START), "end": rfc3339(START + 4_000_000_000)}
    assert deaf.post("/api/exports", json={"cameras": ["gate-north"], **span}).status_code == 201


def test_single_pictures_are_a_right_of_their_own(viewer: TestClient, deaf: TestClient) -> None:
    at = {"at": rfc3339(START)}
    assert viewer.get(f"{GATE}/frame.jpg", params=at).status_code == 200
    refused = deaf.get(f"{GATE}/frame.jpg", params=at)
    assert (refused.status_code, refused.json()["permission"]) == (403, "snapshot")
