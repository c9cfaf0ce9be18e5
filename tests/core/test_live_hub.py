"""The hub, the live socket and its subscriptions: order, cached pictures, back-pressure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from vms.core.clock import Instant, Mono
from vms.core.live import (
    FormatChanged,
    GopCache,
    LiveClient,
    LiveHub,
    LiveMessage,
    LiveServer,
    LiveUnit,
    StreamDown,
    Subscription,
    client,
    server,
)
from vms.core.media import AccessUnit, StreamFormat, Track, VideoFormat
from vms.core.model import CameraId, Cause, StreamKey

STREAM = StreamKey(CameraId("gate"))
FORMAT = FormatChanged(STREAM, StreamFormat(VideoFormat("h264", 64, 64, (b"s",), (b"p",))), 1)


def unit(number: int, *, key: bool = False, size: int = 10, audio: bool = False) -> LiveUnit:
    track = Track.AUDIO if audio else Track.VIDEO
    data = number.to_bytes(4, "big") + bytes(max(0, size - 4))
    return LiveUnit(AccessUnit(track, data, number, Mono(number), key), Instant(number))


class Stage:
    """A hub with a cache for its backlog, noting who is watched."""

    def __init__(self) -> None:
        self.cache = GopCache()
        self.watched: list[tuple[StreamKey, bool]] = []
        self.hub = LiveHub(self.backlog, lambda stream, on: self.watched.append((stream, on)))

    def backlog(self, stream: StreamKey) -> Sequence[LiveUnit]:
        return self.cache.units()

    def play(self, message: LiveUnit) -> None:
        self.cache.add(message)
        self.hub.publish(STREAM, message)


def numbers(messages: Sequence[LiveMessage]) -> list[int]:
    return [message.unit.pts for message in messages if isinstance(message, LiveUnit)]


def test_a_receiver_gets_the_format_then_the_cached_pictures_then_the_rest() -> None:
    stage, got = Stage(), list[LiveMessage]()
    stage.hub.publish(STREAM, FORMAT)
    for number in range(6):
        stage.play(unit(number, key=number == 2))
    stage.hub.subscribe(STREAM, got.append)
    stage.play(unit(6))
    assert got[0] == FORMAT
    assert numbers(got) == [2, 3, 4, 5, 6]
    assert [m.cached for m in got if isinstance(m, LiveUnit)] == [True] * 4 + [False]


def test_a_receiver_of_a_stream_that_is_down_is_told_why() -> None:
    stage, got = Stage(), list[LiveMessage]()
    down = StreamDown(Cause.UNREACHABLE, "no answer from 10.0.0.5:554")
    stage.hub.publish(STREAM, down)
    stage.hub.subscribe(STREAM, got.append)
    assert got == [down]


def test_a_stream_is_watched_from_its_first_receiver_to_its_last() -> None:
    stage = Stage()
    one, two = list[LiveMessage](), list[LiveMessage]()
    stage.hub.subscribe(STREAM, one.append)
    stage.hub.subscribe(STREAM, two.append)
    stage.hub.unsubscribe(STREAM, one.append)
    assert stage.hub.viewers(STREAM) == 1
    stage.hub.unsubscribe(STREAM, two.append)
    stage.hub.unsubscribe(STREAM, two.append)
    assert stage.watched == [(STREAM, True), (STREAM, False)]


def test_who_does_not_view_is_no_viewer_and_hurries_nobody() -> None:
    stage, got, seen = Stage(), list[LiveMessage](), list[LiveMessage]()
    stage.hub.publish(STREAM, FORMAT)
    stage.hub.subscribe(STREAM, got.append, views=False)
    assert (stage.hub.is_received(STREAM), stage.hub.is_watched(STREAM)) == (True, False)
    stage.hub.subscribe(STREAM, seen.append)
    stage.play(unit(1, key=True))
    assert numbers(got) == numbers(seen) == [1]
    assert stage.hub.viewers(STREAM) == 1
    stage.hub.unsubscribe(STREAM, seen.append)
    stage.play(unit(2))
    stage.hub.unsubscribe(STREAM, got.append)
    stage.play(unit(3))
    assert numbers(got) == [1, 2]
    assert stage.watched == [(STREAM, True), (STREAM, False)]
    assert not stage.hub.is_received(STREAM)


def test_all_that_waits_is_taken_at_once(tmp_path: Path) -> None:
    async def scene() -> list[LiveMessage]:
        stage, path = Stage(), tmp_path / "recorder-0.sock"
        looker = LiveClient([path])
        async with LiveServer(path, stage.hub):
            await looker.start()
            stage.hub.publish(STREAM, FORMAT)
            with contextlib.closing(looker.subscribe(STREAM, views=False)) as messages:
                while not stage.hub.is_received(STREAM):
                    await asyncio.sleep(0.005)
                for number in range(5):
                    stage.play(unit(number, key=not number))
                got = list[LiveMessage]()
                while numbers(got) != list(range(5)):
                    await asyncio.sleep(0.005)
                    got += messages.take_waiting()
                assert messages.take_waiting() == []
                assert stage.watched == []
            await looker.close()
        return got

    assert FORMAT in asyncio.run(asyncio.wait_for(scene(), 10))


def test_the_cache_forgets_a_group_of_pictures_that_is_too_large() -> None:
    cache = GopCache(limit=100)
    cache.add(unit(0, key=True, size=60))
    cache.add(unit(1, size=60))
    assert cache.units() == []
    cache.add(unit(2, size=10))
    assert cache.units() == []
    cache.add(unit(3, key=True, size=60))
    assert numbers(cache.units()) == [3]


async def _collect(subscription: Subscription, until: int) -> list[LiveMessage]:
    got: list[LiveMessage] = []
    async for message in subscription:
        got.append(message)
        if isinstance(message, LiveUnit) and message.unit.pts >= until:
            return got
    return got


def test_pictures_cross_the_socket_in_order(tmp_path: Path) -> None:
    async def scene() -> list[LiveMessage]:
        stage, path = Stage(), tmp_path / "recorder-0.sock"
        viewer = LiveClient([path])
        async with LiveServer(path, stage.hub):
            await viewer.start()
            stage.hub.publish(STREAM, FORMAT)
            stage.play(unit(0, key=True, size=100_000))
            async with viewer.subscribe(STREAM) as messages:
                reading = asyncio.create_task(_collect(messages, 20))
                while not stage.hub.is_watched(STREAM):
                    await asyncio.sleep(0.005)
                for number in range(1, 21):
                    stage.play(unit(number, audio=number % 3 == 0))
                got = await reading
            await viewer.close()
        return got

    got = asyncio.run(scene())
    assert numbers(got) == list(range(21))
    assert FORMAT in got


def test_a_subscription_outlives_a_restart_of_the_recorder(tmp_path: Path) -> None:
    async def scene() -> list[LiveMessage]:
        path = tmp_path / "recorder-0.sock"
        viewer = LiveClient([path])
        await viewer.start()
        got: list[LiveMessage] = []
        async with viewer.subscribe(STREAM) as messages:
            for number in (1, 2):
                stage = Stage()
                async with LiveServer(path, stage.hub):
                    stage.hub.publish(STREAM, FORMAT)
                    stage.play(unit(number, key=True))
                    got += await asyncio.wait_for(_collect(messages, number), 5)
            got.append(await messages.__anext__())
        await viewer.close()
        return got

    got = asyncio.run(scene())
    kinds = [type(message) for message in got]
    assert kinds == [StreamDown, FormatChanged, LiveUnit] * 2 + [StreamDown]
    assert got[-1] == StreamDown(Cause.RECORDER_STOPPED, "recorder worker 0 does not run")


def test_a_slow_reader_goes_on_at_the_next_keyframe() -> None:
    async def scene() -> Subscription:
        subscription = LiveClient([Path("/nowhere")]).subscribe(STREAM)
        await subscription.__anext__()  # that no worker runs
        subscription._offer(FORMAT)
        for number in range(client.QUEUE_UNITS + 5):
            subscription._offer(unit(number, key=number == 0))
        subscription._offer(unit(9_000, key=True))
        subscription._offer(unit(9_001))
        return subscription

    async def drain(subscription: Subscription) -> list[LiveMessage]:
        return await _collect(subscription, 9_001)

    async def both() -> tuple[list[LiveMessage], int]:
        subscription = await scene()
        return await drain(subscription), subscription.dropped

    got, dropped = asyncio.run(both())
    assert got[0] == FORMAT
    assert numbers(got) == [9_000, 9_001]
    assert dropped == client.QUEUE_UNITS + 5


def test_a_client_that_does_not_read_costs_bounded_memory_and_no_other_client(
    tmp_path: Path,
) -> None:
    async def scene() -> tuple[int, int, list[LiveMessage]]:
        stage, path = Stage(), tmp_path / "recorder-0.sock"
        good = LiveClient([path])
        async with LiveServer(path, stage.hub) as live:
            _, stuck = await asyncio.open_unix_connection(str(path))
            stuck.write(client.encode_subscribe(1, STREAM))
            await good.start()
            async with good.subscribe(STREAM) as messages:
                while stage.hub.viewers(STREAM) < 2:
                    await asyncio.sleep(0.005)
                reading = asyncio.create_task(_collect(messages, 79))
                held = 0
                for number in range(80):
                    stage.play(unit(number, key=number % 10 == 0, size=1_000_000))
                    held = max(
                        held,
                        *(
                            link._transport.get_write_buffer_size()
                            for link in live._clients
                            if link._transport is not None
                        ),
                    )
                    await asyncio.sleep(0.002)
                got = await reading
            stuck.close()
            await good.close()
            return live.dropped, held, got

    dropped, held, got = asyncio.run(scene())
    assert dropped > 0
    assert held <= server.BUFFER_HIGH + 1_100_000
    assert numbers(got)[-1] == 79
    assert len(numbers(got)) >= 60
