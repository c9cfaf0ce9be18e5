"""A running fleet over its own sockets: sign-in, streams, faults, control, load, replay."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.simulator.client import Client, Unit
from vms.core.errors import BadRequest, NotFound
from vms.simulator import sei, strip
from vms.simulator.audit import audit_units, stamps
from vms.simulator.control import ask
from vms.simulator.fleet import CameraSpec, Fleet, FleetSettings, VideoSpec
from vms.simulator.nal import Codec, nal_type

SMALL = VideoSpec(width=320, height=180, fps=25, bitrate=400_000, gop=25)
PLAIN = CameraSpec("gate", "Kuzey Kapı", SMALL, seed=3)


def with_fleet(settings: FleetSettings, test: Callable[[Fleet], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Fleet(settings, control_port=0) as fleet, asyncio.timeout(30):
            await test(fleet)

    asyncio.run(run())


def decode(units: list[Unit], codec: Codec = "h264") -> list[np.ndarray]:
    """The luma of each picture, in the order they are shown."""
    context = av.CodecContext.create("hevc" if codec == "h265" else "h264", "r")
    context.thread_count = 1
    pictures = []
    for unit in units:
        data = b"".join(b"\0\0\0\1" + nal for nal in unit.nals)
        pictures += context.decode(av.Packet(data))
    pictures += context.decode(None)
    return [picture.to_ndarray(format="gray") for picture in pictures]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_strip_stamp_and_rtp_time_agree(codec: Codec) -> None:
    camera = CameraSpec("gate", "Kapı", VideoSpec(codec, 320, 180, 20, 300_000, 20), sub=None)

    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as client:
            await client.play("gate")
            units = await client.units(30, h265=codec == "h265")
        found = list(stamps(unit.sample for unit in units))
        readings = [strip.read(picture) for picture in decode(units, codec)]
        assert len(readings) == len(found) == 30
        for stamp, reading, unit in zip(found, readings, units, strict=True):
            assert stamp is not None
            assert reading is not None
            assert (reading.counter, reading.time) == (
                stamp.counter,
                stamp.time // 1_000_000 * 1_000_000,
            )
            step = (unit.ticks - units[0].ticks) & 0xFFFFFFFF
            assert abs((stamp.time - found[0].time) * 9 // 100_000 - step) <= 90
        assert audit_units(unit.sample for unit in units).clean
        assert found[0].stream == "gate/main"

    with_fleet(FleetSettings((camera,)), test)


def test_b_frames_are_sent_in_decode_order() -> None:
    video = VideoSpec(width=320, height=180, fps=25, gop=25, profile="high", bframes=2)

    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as client:
            await client.play("gate")
            units = await client.units(24)
        ticks = [unit.ticks for unit in units]
        assert ticks != sorted(ticks)
        assert audit_units(unit.sample for unit in units).clean
        times = [reading.time for one in decode(units) if (reading := strip.read(one))]
        assert len(times) >= 22
        assert times == sorted(times)

    with_fleet(FleetSettings((CameraSpec("gate", "Kapı", video, sub=None),)), test)


def test_two_clients_share_one_encoder_and_start_at_keyframes() -> None:
    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as one, Client(fleet.host, fleet.port) as two:
            await one.play("gate")
            await one.units(5)
            await two.play("gate")
            first, second = await one.units(30), await two.units(20)
            assert [nal_type("h264", nal) for nal in second[0].nals] == [7, 8, 6, 5]
            shared = {unit.ticks: unit.sample for unit in first}
            assert sum(shared.get(unit.ticks) == unit.sample for unit in second) >= 15
            assert fleet.stats()["streams"]["gate/main"]["receivers"] == 2
        assert one.sequences == [(one.sequences[0] + i) & 0xFFFF for i in range(len(one.sequences))]
        await asyncio.sleep(0.2)
        assert fleet.stats()["streams"]["gate/main"]["receivers"] == 0

    with_fleet(FleetSettings((PLAIN,)), test)


@pytest.mark.parametrize("audio", ["aac", "pcma", "pcmu"])
def test_sound_comes_along(audio: str) -> None:
    camera = CameraSpec("gate", "Kapı", SMALL, sub=None, audio=audio)

    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as client:
            sdp = await client.play("gate")
            await client.units(25)
        assert b"m=audio" in sdp
        assert len(client.audio) > 8
        assert set(client.reports) == {1, 3}
        if audio != "aac":
            assert {len(payload) for payload in client.audio} == {320}

    with_fleet(FleetSettings((camera,)), test)


def digest(client_url: str, header: str, password: str) -> str:
    fields = dict(part.strip().split("=", 1) for part in header.partition(" ")[2].split(","))
    realm, nonce = fields["realm"].strip('"'), fields["nonce"].strip('"')
    make = hashlib.sha256 if fields["algorithm"] == "SHA-256" else hashlib.md5

    def h(text: str) -> str:
        return make(text.encode()).hexdigest()

    one, two = h(f"vms:{realm}:{password}"), h(f"DESCRIBE:{client_url}")
    value = h(f"{one}:{nonce}:00000001:abc:auth:{two}")
    return (
        f'Authorization: Digest username="vms", realm="{realm}", nonce="{nonce}", '
        f'uri="{client_url}", qop=auth, nc=00000001, cnonce="abc", response="{value}"'
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_is_asked_for_and_stale_nonces_are_named(algorithm: str) -> None:
    camera = CameraSpec("gate", "Kapı", SMALL, auth="digest", algorithm=algorithm)

    async def test(fleet: Fleet) -> None:
        url = fleet.url("gate")
        async with Client(fleet.host, fleet.port) as client:
            status, headers, _ = await client.request("DESCRIBE", url)
            assert status == 401
            asked = headers["www-authenticate"]
            assert "stale" not in asked
            assert (await client.request("DESCRIBE", url, digest(url, asked, "no")))[0] == 401
            old = asked.replace('nonce="', 'nonce="0')
            status, headers, _ = await client.request("DESCRIBE", url, digest(url, old, "gozcu"))
            assert (status, "stale=true" in headers["www-authenticate"]) == (401, True)
            fresh = digest(url, headers["www-authenticate"].replace(", stale=true", ""), "gozcu")
            assert (await client.request("DESCRIBE", url, fresh))[0] == 200
            assert (await client.request("OPTIONS", url))[0] == 200

    with_fleet(FleetSettings((camera,)), test)


def test_answers_to_what_makes_no_sense() -> None:
    async def test(fleet: Fleet) -> None:
        url = fleet.url("gate")
        async with Client(fleet.host, fleet.port) as client:
            assert (await client.request("DESCRIBE", fleet.url("gate", "nope")))[0] == 404
            assert (await client.request("DESCRIBE", url.replace("gate", "moon")))[0] == 404
            assert (await client.request("FLY", url))[0] == 501
            assert (await client.request("PLAY", url))[0] == 454
            assert (await client.request("SETUP", f"{url}/track9"))[0] == 404
            assert (await client.request("SETUP", f"{url}/track0", "Transport: X"))[0] == 461
            assert (await client.request("GET_PARAMETER", url))[0] == 200
            assert (await client.request("TEARDOWN", url))[0] == 200
            assert await client.reader.read() == b""
        async with Client(fleet.host, fleet.port) as client:
            client.writer.write(b"\x16\x03\x01" + b"\0" * 40 + b"\r\n\r\n")
            assert await client.reader.read() == b""
        with pytest.raises(NotFound):
            fleet.set_fault("moon", "hang")
        with pytest.raises(BadRequest):
            fleet.set_fault("gate", "fire")

    with_fleet(FleetSettings((PLAIN,)), test)


def test_stop_closes_refuses_and_ends_by_itself() -> None:
    camera = CameraSpec("gate", "Kapı", SMALL, port=0)

    async def test(fleet: Fleet) -> None:
        port = int(fleet.url("gate").split(":")[2].split("/")[0])
        assert port != fleet.port
        async with Client(fleet.host, port) as client:
            await client.play("gate")
            await client.unit()
            fleet.set_fault("gate", "stop", lasting=0.3)
            with pytest.raises((asyncio.IncompleteReadError, OSError)):
                await client.units(50)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(fleet.host, port)
        async with Client(fleet.host, fleet.port) as client:
            with pytest.raises((asyncio.IncompleteReadError, OSError)):
                await client.play("gate")
        await asyncio.sleep(0.5)
        async with Client(fleet.host, port) as client:
            await client.play("gate")
            await client.unit()

    with_fleet(FleetSettings((camera,)), test)


def test_hang_sends_and_answers_nothing_and_keeps_the_connection() -> None:
    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as client:
            await client.play("gate")
            await client.unit()
            fleet.set_fault("gate", "hang")
            await asyncio.sleep(0.1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.6):
                    await client.units(20)
            assert not client.reader.at_eof()
            fleet.clear_fault("gate")
            await client.units(5)

    with_fleet(FleetSettings((PLAIN,)), test)


def test_freeze_and_resolution() -> None:
    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as client:
            await client.play("gate")
            units = await client.units(5)
            fleet.set_fault("gate", "freeze")
            units += await client.units(15)
            readings = [strip.read(one) for one in decode(units)]
            assert readings[-1] == readings[-5]
            assert readings[0] != readings[-1]
            assert audit_units(unit.sample for unit in units).clean
            fleet.clear_fault("gate")
            fleet.set_fault("gate", "resolution", width=480, height=270)
            units = await client.units(20)
            start = next(i for i, one in enumerate(units) if one.nals[0][0] & 0x1F == 7)
            assert decode(units[start:])[0].shape == (270, 480)

    with_fleet(FleetSettings((PLAIN,)), test)


def test_the_password_fault_refuses_even_the_right_one() -> None:
    async def test(fleet: Fleet) -> None:
        fleet.set_fault("gate", "password")
        async with Client(fleet.host, fleet.port) as client:
            assert (await client.request("DESCRIBE", fleet.url("gate")))[0] == 401

    with_fleet(FleetSettings((PLAIN,)), test)


def test_the_clock_jumps_in_strip_stamp_and_report() -> None:
    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as client:
            await client.play("gate")
            before = next(stamps([(await client.unit()).sample]))
            fleet.set_fault("gate", "jump-clock", seconds=-3600)
            after = list(stamps(unit.sample for unit in await client.units(6)))[-1]
            assert before is not None
            assert after is not None
            assert -3601e9 < after.time - before.time < -3598e9

    with_fleet(FleetSettings((PLAIN,)), test)


def test_control_steers_a_fleet() -> None:
    async def test(fleet: Fleet) -> None:
        port = fleet.control_port
        assert port

        async def tell(**request: object) -> object:
            return await asyncio.to_thread(ask, port, request)

        await tell(op="fault", camera="gate", name="drop", args={"rate": 0.5}, lasting=30)
        assert await tell(op="faults") == {"gate": {"drop": {"rate": 0.5}}}
        await tell(op="clear", camera="gate")
        assert await tell(op="faults") == {"gate": {}}
        cameras = await tell(op="cameras")
        assert isinstance(cameras, list)
        assert cameras[0]["main"] == fleet.url("gate")
        stats = await tell(op="stats")
        assert isinstance(stats, dict)
        assert stats["total"]["slow_drops"] == 0
        for wrong in ({"op": "x"}, {"op": "fault", "camera": "moon", "name": "hang"}):
            with pytest.raises(BadRequest):
                await tell(**wrong)
        with pytest.raises(BadRequest):
            await tell(op="fault", camera="gate", name="hang", args={"lasting": 3})

    with_fleet(FleetSettings((PLAIN,)), test)


def test_load_cameras_have_their_own_numbers_and_stamps(tmp_path: Path) -> None:
    loop = VideoSpec(width=320, height=180, fps=50, bitrate=500_000, gop=10)
    settings = FleetSettings(load=3, load_video=loop, load_sub=loop, cache=tmp_path)

    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as one, Client(fleet.host, fleet.port) as two:
            await one.play("load-000")
            await two.play("load-002")
            first, second = await one.units(60), await two.units(30)
        for client, units, name in ((one, first, "load-000"), (two, second, "load-002")):
            report = audit_units(unit.sample for unit in units)
            assert report.clean, report
            assert report.streams == {f"{name}/main"}
            assert units[0].nals[0][0] & 0x1F == 7
            base = client.sequences[0]
            assert client.sequences == [(base + i) & 0xFFFF for i in range(len(client.sequences))]
            assert client.reports[1]
        assert first[1].ticks - first[0].ticks == 1800
        assert all(strip.read(picture) for picture in decode(first))
        assert fleet.stats()["total"]["slow_drops"] == 0

    with_fleet(settings, test)
    assert len(list(tmp_path.iterdir())) == 1
    damaged = next(tmp_path.iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with_fleet(settings, test)


def test_a_file_is_replayed_as_it_is_in_a_loop(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    sent = make_film(path)

    async def test(fleet: Fleet) -> None:
        async with Client(fleet.host, fleet.port) as client:
            sdp = await client.play("film")
            units = await client.units(len(sent) + 15)
        assert b"MPEG4-GENERIC" in sdp
        assert client.audio
        report = audit_units(unit.sample for unit in units)
        assert report.clean, report
        slices = [[nal for nal in unit.nals if nal[0] & 0x1F in (1, 5)] for unit in units]
        expected = [sent[i % len(sent)] for i in range(len(units))]
        assert slices == expected
        ticks = [unit.ticks - units[0].ticks & 0xFFFFFFFF for unit in units]
        assert ticks == sorted(ticks)

    with_fleet(FleetSettings((CameraSpec("film", file=path, sub=None),)), test)


def make_film(path: Path) -> list[list[bytes]]:
    """25 pictures with sound; returns each picture's slices as coded."""
    sent = []
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 320, 180, "yuv420p"
        video.options = {"preset": "ultrafast", "tune": "zerolatency"}
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        for number in range(25):
            picture = np.full((180, 320, 3), number * 9, np.uint8)
            for packet in video.encode(av.VideoFrame.from_ndarray(picture)):
                container.mux(packet)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 640), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16_000, number * 640
            for packet in sound.encode(frame):
                container.mux(packet)
        for stream in (video, sound):
            for packet in stream.encode(None):
                container.mux(packet)
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            data, at, nals = bytes(packet), 0, []
            while at < len(data):
                size = int.from_bytes(data[at : at + 4], "big")
                nals.append(data[at + 4 : at + 4 + size])
                at += 4 + size
            if nals:
                sent.append([nal for nal in nals if nal[0] & 0x1F in (1, 5)])
    return sent


def test_the_stamp_is_the_only_thing_added() -> None:
    units = [b"\x67sps", b"\x68pps", b"\x65idr"]
    stamp = sei.Stamp("a/main", 1, 2, sei.crc_of(units))
    stamped = sei.stamped("h264", units, stamp)
    assert [nal for nal in stamped if sei.parse(nal) is None] == units
    assert sei.parse(stamped[2]) == stamp
