"""Stored files as other programs see them, and their coded bytes beside what was sent."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from benchmarks.stored import coded_units
from tests.system.conftest import Town
from tests.system.footage import (
    decode_errors,
    nal_units,
    packet_count,
    played_by_vlc,
    probe_warnings,
    untiled,
)
from tests.system.site import Site, drawn, gst_server, new_site, simulated
from vms.core.clock import SECOND
from vms.core.model import State
from vms.simulator.audit import audit_units

VIDEO = {"square": "h264", "gate": "h264", "market": "hevc", "bridge": "h264"}
RATE = {"square": 10, "gate": 10, "market": 8, "bridge": 10}
SOUND = {"square": "aac", "gate": "pcm_alaw"}


@pytest.mark.parametrize("camera", VIDEO)
def test_ffprobe_and_ffmpeg_have_nothing_to_complain_about(whole_town: Town, camera: str) -> None:
    for file in whole_town.site.files(camera)[:2]:
        assert probe_warnings(file) == ""
        assert decode_errors(file) == ""
        with av.open(str(file)) as container:
            assert container.streams.video[0].codec_context.name == VIDEO[camera]
            sounds = [one.codec_context.name for one in container.streams.audio]
            assert sounds == ([SOUND[camera]] if camera in SOUND else [])
            length = float(container.duration or 0) / av.time_base
        # By the stamps in its pictures: a simulated camera on a busy machine takes fewer of them.
        audit = audit_units(coded_units([file]))
        assert audit.clean, audit.examples
        assert packet_count(file, "v") == audit.units
        assert audit.captured is not None
        first, last = audit.captured
        assert length == pytest.approx((last - first) / SECOND + 1 / RATE[camera], abs=0.25)


@pytest.mark.parametrize("camera", VIDEO)
def test_vlc_plays_a_file_as_it_is(whole_town: Town, camera: str) -> None:
    played = played_by_vlc(whole_town.site.files(camera)[0])
    assert played.pictures
    assert played.complaints == ()
    wanted = {"square": {"avcodec", "faad"}, "gate": {"avcodec", "g711"}}
    assert set(played.decoders) >= wanted.get(camera, {"avcodec"})


@dataclass(frozen=True, slots=True)
class Peers:
    """What was recorded from peers, beside the NAL units they were given to send."""

    site: Site
    sent: dict[str, list[bytes]]


CLIPS = {
    "main": ("libx264", ["-profile:v", "main", "-bf", "2"], "h264"),
    "high": ("libx264", ["-profile:v", "high", "-bf", "0", "-x264-params", "slices=3"], "h264"),
    "hevc": ("libx265", ["-preset", "ultrafast", "-x265-params", "log-level=error"], "h265"),
}
CLIP_S = 3


def make_clip(folder: Path, name: str) -> Path:
    coder, options, _ = CLIPS[name]
    file = folder / f"{name}.mov"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=10"]
    command += ["-f", "lavfi", "-i", "sine=r=8000", "-t", str(CLIP_S), "-c:v", coder, *options]
    command += ["-g", "10", "-pix_fmt", "yuv420p", "-c:a", "pcm_alaw", "-ac", "1"]
    if coder == "libx265":
        command += ["-tag:v", "hvc1"]
    subprocess.run([*command, str(file)], check=True, timeout=60)
    return file


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    """A recorder over replayed files, gst-rtsp-server by TCP and UDP, all at once."""
    folder = tmp_path_factory.mktemp("peers")
    clips = {name: make_clip(folder, name) for name in CLIPS}
    pay = {"h264": "h264parse ! rtph264pay", "h265": "h265parse ! rtph265pay"}
    gst = {
        f"/{name}": f"filesrc location={clips[name]} ! qtdemux name=d d. ! queue ! "
        f"{pay[codec]} name=pay0 pt=96 config-interval=-1"
        for name, (_, _, codec) in CLIPS.items()
    }
    test = "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=180,framerate=10/1"
    x264 = "x264enc key-int-max=10 tune=zerolatency speed-preset=ultrafast"
    gst["/live"] = f"{test} ! {x264} ! rtph264pay name=pay0 pt=96 config-interval=1"
    replayed = [{"id": f"file-{name}", "file": str(clips[name]), "sub": False} for name in CLIPS]
    with simulated(folder, [*replayed, drawn("spare")]) as fleet, gst_server(gst) as server:
        site = new_site(folder)
        site.write(
            [
                *({"id": one["id"], "source": fleet.url(str(one["id"]))} for one in replayed),
                {"id": "gst-tcp", "source": f"{server}/live", "transport": "tcp"},
                {"id": "gst-udp", "source": f"{server}/live", "transport": "udp"},
                {"id": "sim-udp", "source": fleet.url("spare"), "transport": "udp"},
            ],
            segment="10 s",
        )
        with site.recorder():
            names = [f"file-{name}" for name in CLIPS]
            site.wait_recording(*names, "gst-tcp", "gst-udp", "sim-udp", within=40)
            time.sleep(2 * CLIP_S + 1)
            statuses = site.statuses()
            assert {str(k.camera): v.source for k, v in statuses.items()}["gst-udp"] == "libav"
            for status in statuses.values():
                assert status.state is State.RECORDING
        yield Peers(site, {name: annexb_units(clip, name) for name, clip in clips.items()})


def annexb_units(clip: Path, name: str) -> list[bytes]:
    """All NAL units of a clip, slices and all, in order: libav's and ffmpeg's own reading."""
    kind = {"h264": "h264", "h265": "hevc"}[CLIPS[name][2]]
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-map", "0:v", "-c", "copy"]
    command += ["-bsf:v", f"{kind}_mp4toannexb", "-f", kind, "-"]
    data = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    units = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [unit for unit in units if unit]


def slices(units: list[bytes], name: str) -> list[bytes]:
    """The coded slices among NAL units: what carries the picture."""
    if CLIPS[name][2] == "h264":
        return [unit for unit in units if 1 <= unit[0] & 0x1F <= 5]
    return [unit for unit in units if unit[0] >> 1 & 0x3F < 32]


@pytest.mark.parametrize("name", CLIPS)
def test_coded_bytes_are_those_of_the_replayed_file(peers: Peers, name: str) -> None:
    stored = slices(list(nal_units(coded_units(peers.site.files(f"file-{name}")))), name)
    sent = slices(peers.sent[name], name)
    assert len(sent) >= CLIP_S * 10
    assert len(stored) > len(sent), "the loop was not recorded to its end"
    # The recording begins at some keyframe of the loop and follows it from there.
    begin = sent.index(stored[0])
    following = itertools.islice(itertools.cycle(sent), begin, begin + len(stored))
    for number, (kept, given) in enumerate(zip(stored, following, strict=True)):
        assert kept == given, f"slice {number} of {name} was changed"


@pytest.mark.parametrize(
    "camera", ["file-main", "file-high", "file-hevc", "gst-tcp", "gst-udp", "sim-udp"]
)
def test_what_peers_sent_is_stored_without_a_hole(peers: Peers, camera: str) -> None:
    segments, gaps = peers.site.coverage(camera)
    assert untiled(segments, gaps) == []
    files = peers.site.files(camera)
    assert files
    for file in files:
        assert probe_warnings(file) == ""
        assert decode_errors(file) == ""
    length = sum(1 for _ in coded_units(files))
    assert length >= CLIP_S * 2 * 10


def test_pictures_that_are_shown_in_another_order_are_played_in_theirs(peers: Peers) -> None:
    with av.open(str(peers.site.files("file-main")[0])) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    decode = [p.dts for p in packets if p.dts is not None]
    shown = [p.pts for p in packets if p.pts is not None]
    assert decode == sorted(decode)
    assert shown != sorted(shown)
    assert len(set(shown)) == len(shown)
    assert all(p.pts >= p.dts for p in packets if p.pts is not None and p.dts is not None)
