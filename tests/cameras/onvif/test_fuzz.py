"""Damaged SOAP answers, HTTP around them and probe matches, by the ten thousand.

What comes out of the client's readers is a value or an OnvifError, soon, and little is kept.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable, Iterator

import pytest

from tests.cameras.onvif.house import devices
from tests.fuzzing import NIGHTLY_SECONDS, SECONDS, fuzz, mutated
from vms.cameras.onvif import http, ptz_facts, reading
from vms.cameras.onvif.imaging import imaging_of
from vms.cameras.onvif.port import Address, OnvifError
from vms.cameras.onvif.probe import read_matches
from vms.cameras.onvif.soap import answer_of
from vms.cameras.onvif.topics import changes, notices_of, told_by
from vms.cameras.onvif.xml import Element
from vms.simulator.onvif import answers_device, answers_events, answers_media, answers_ptz
from vms.simulator.onvif.device import Device
from vms.simulator.onvif.discovery import probe_matches
from vms.simulator.onvif.soap import envelope, parse_call

KEPT_MAX = 48 << 20  # bytes; a document of a megabyte and its tree
ADDRESS = Address("10.0.0.5")
ASKED = (
    (answers_device.ANSWERS, "GetSystemDateAndTime GetServices GetCapabilities GetSystemUris "
     "GetDeviceInformation GetNetworkInterfaces GetSystemBackup"),
    (answers_media.MEDIA, "GetProfiles GetStreamUri GetSnapshotUri GetVideoSources"),
    (answers_media.MEDIA2, "GetProfiles GetStreamUri"),
    (answers_ptz.PTZ, "GetNodes GetNode GetStatus GetPresets SetPreset"),
    (answers_ptz.IMAGING, "GetImagingSettings GetOptions"),
)  # fmt: skip


async def _device() -> Device:
    async with devices() as fleet:
        return fleet.device("gate")


def _answers(device: Device) -> Iterator[bytes]:
    """What the simulated device says to all that we ask."""
    for answers, names in ASKED:
        for name in names.split():
            asked = f"<{name}><ProfileToken>profile-main</ProfileToken></{name}>"
            yield envelope(answers[name](device, parse_call(envelope(asked))))
    pull = parse_call(envelope("<PullMessages><MessageLimit>10</MessageLimit></PullMessages>"))
    key = device.subscribe(60)
    point = device.subscriptions[key]
    yield envelope(answers_events.pulled(device, point, pull))


@functools.cache
def _said() -> tuple[tuple[bytes, ...], bytes]:
    """Its answers, and what it says to a probe."""
    device = asyncio.run(_device())
    return tuple(_answers(device)), probe_matches(device, "urn:uuid:7")


HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: %d\r\n"
    b'WWW-Authenticate: Digest realm="c", nonce="n"\r\n\r\n'
)


def _attempts(answer: Element) -> Iterator[Callable[[], object]]:
    """Everything that reads answers, each by itself."""
    yield lambda: reading.time_of(answer)
    yield lambda: reading.services_of(answer)
    yield lambda: reading.mac_of(answer)
    yield lambda: reading.name_of(answer, "Manufacturer")
    yield lambda: reading.main_and_sub(reading.profiles_of(answer, "media"))
    yield lambda: reading.main_and_sub(reading.profiles_of(answer, "media2"))
    yield lambda: reading.heads_of(answer)
    yield lambda: reading.sources_of(answer)
    for name in ("XAddr", "Uri", "Address", "SystemBackupUri"):
        text = answer.words(name)
        yield lambda text=text: reading.path_at(ADDRESS, text)  # type: ignore[misc]
        yield lambda text=text: reading.uri_at(ADDRESS, text)  # type: ignore[misc]
    yield lambda: [told_by(one) for one in notices_of(answer, 100)]
    yield lambda: changes(notices_of(answer, 100), {})
    yield lambda: ptz_facts.status_of(answer, ptz_facts.facts_of(answer, "p", "head").absolute)
    yield lambda: ptz_facts.presets_of(answer)
    yield lambda: ptz_facts.token_of(answer)
    yield lambda: imaging_of(answer, answer)


def soap(rng: random.Random) -> None:
    data = mutated(rng, rng.choice(_said()[0]))
    answer = answer_of(data, "10.0.0.5")  # what it refuses nobody reads
    for attempt in _attempts(answer):
        try:
            attempt()
        except OnvifError:
            continue


def matches(rng: random.Random) -> None:
    for match in read_matches(mutated(rng, _said()[1]), "10.0.0.5", "7"):
        assert match.source == "10.0.0.5"
        assert 0 < match.port <= 65_535


def answers_over_http(rng: random.Random) -> None:
    body = rng.choice(_said()[0])
    raw = mutated(rng, HEAD % len(body)) + body if rng.random() < 0.7 else mutated(rng, HEAD + body)

    async def read() -> http.Response:
        reader = asyncio.StreamReader()
        reader.feed_data(raw)
        reader.feed_eof()
        return await http._read(reader, ADDRESS, 200_000)

    response = LOOP.run_until_complete(read())
    assert len(response.body) <= 200_000


LOOP: asyncio.AbstractEventLoop
TARGETS = {"SOAP": soap, "probe matches": matches, "SOAP over HTTP": answers_over_http}


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    global LOOP
    _said()  # not within an input's time
    LOOP = asyncio.new_event_loop()
    yield
    LOOP.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_answers_are_survived(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    seconds = SECONDS if name == "SOAP" else SECONDS / 2
    line = fuzz(TARGETS[name], seconds, (OnvifError,), KEPT_MAX)
    record_property("fuzz", f"{name}: {line}")


@pytest.mark.nightly
@pytest.mark.parametrize("name", TARGETS)
def test_mutated_answers_are_survived_for_long(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    line = fuzz(TARGETS[name], NIGHTLY_SECONDS, (OnvifError,), KEPT_MAX)
    record_property("fuzz", f"{name}: {line}")
