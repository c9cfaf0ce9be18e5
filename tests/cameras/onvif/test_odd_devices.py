"""What makers do otherwise than the simulated device: each is described all the same, or stated."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.cameras.onvif.house import RIGHT, sign_in
from tests.cameras.onvif.odd import (
    FAULT,
    REFUSED,
    SERVICES,
    USUAL,
    Answer,
    Asked,
    Odd,
    asking,
    client_at,
    envelope,
    http,
    odd,
    profile,
)  # fmt: skip
from vms.cameras.entry import entered
from vms.cameras.onvif.asking import Allowance
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.knock import knock
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address, CameraFacts, OnvifError, Trouble
from vms.cameras.onvif.probe import Match, read_matches
from vms.cameras.onvif.reading import path_at, uri_at
from vms.cameras.onvif.search import Found, _ids_by_place, _known_as
from vms.cameras.onvif.soap import security
from vms.cameras.provisioning import RegisteredCamera
from vms.cameras.suggestion import suggested
from vms.core.clock import SystemClock
from vms.core.secret import Secret

HTML = http(b"<html><body>Not here</body></html>", "404 Not Found")
MEDIA2 = (
    "<tds:Service><tds:Namespace>http://www.onvif.org/ver20/media/wsdl</tds:Namespace>"
    "<tds:XAddr>http://{host}/onvif/media2</tds:XAddr></tds:Service>"
)
CAPABILITIES = (
    "<r><Capabilities><Media><XAddr>http://{host}/onvif/media</XAddr></Media></Capabilities></r>"
)
DEVICE_ONLY = (
    "<r><Service><Namespace>http://www.onvif.org/ver10/device/wsdl</Namespace>"
    "<XAddr>http://{host}/onvif/device_service</XAddr></Service></r>"
)
MEDIA2_PROFILES = (
    USUAL["GetProfiles"].replace("VideoEncoderConfiguration", "VideoEncoder")
    .replace("VideoSourceConfiguration", "VideoSource")
)  # fmt: skip
DIGEST = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'


async def _described(device: Odd, client: OnvifClient) -> CameraFacts:
    return (await client.describe_all())[0]


def _signed(asked: Asked) -> bool:
    return b"UsernameToken" in asked.body


def _of_media2(otherwise: str | bytes, usual: str) -> Answer:
    return lambda asked: otherwise if b"<tr2:" in asked.body else usual


def _packed(kind: str, data: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def _sized(head: str, body: bytes) -> bytes:
    return head.format(len(body)).encode("latin-1") + body


@pytest.mark.parametrize(
    "framed",
    [
        lambda b: b"HTTP/1.0 200 OK\r\n\r\n" + b,
        lambda b: _sized("HTTP/1.1 200 OK\nContent-Length: {}\n\n", b),
        lambda b: _sized("HTTP/1.1 200 OK\r\nServer : x\r\nContent-Length: {}\r\n\r\n", b),
        lambda b: _sized("HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: {}\r\n\r\n", b),
        lambda b: _sized("HTTP/1.1 200 OK\r\nX: a\r\n  b\r\nContent-Length: {}\r\n\r\n", b),
        lambda b: _sized("HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: {}\r\n\r\n", b),
        lambda b: _sized(
            "HTTP/1.1 200 OK\r\nContent-Length: {0}\r\ncontent-length: {0}\r\n\r\n", b
        ),
        lambda b: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(b), b),
        lambda b: http(b) + b"more than was promised",
        lambda b: b"HTTP/1.1 100 Continue\r\n\r\n" + http(b),
        lambda b: _packed("gzip", gzip.compress(b)),
        lambda b: _packed("deflate", zlib.compress(b)),
        lambda b: _packed("deflate", zlib.compress(b)[2:-4]),
    ],
)  # fmt: skip
def test_http_of_small_servers_is_understood(framed: Callable[[bytes], bytes]) -> None:
    async def scene(device: Odd, client: OnvifClient) -> CameraFacts:
        device.framed = framed
        return await _described(device, client)

    assert asking(scene).main.uri == "rtsp://127.0.0.1:554/main"


def test_a_packed_answer_is_bounded_as_any_other() -> None:
    bomb = _packed("gzip", gzip.compress(b" " * 30_000_000))

    async def scene(device: Odd, client: OnvifClient) -> None:
        device.framed = lambda _: bomb
        with pytest.raises(OnvifError) as caught:
            await client.device()
        assert caught.value.trouble is Trouble.HOSTILE

    asking(scene)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda inner: b"\r\n\r\n" + envelope(inner),
        lambda inner: envelope(inner) + b"\0\0\0",
        lambda inner: envelope(inner).replace(b"<tds:Model>X", b"<tds:Model>X\xfd\xfe"),
        lambda inner: envelope(inner).replace(b"<tds:Model>X", b"<tds:Model>X\x01\x00"),
        lambda inner: envelope(inner).replace(b"UTF-8", b"GB2312"),
        lambda inner: envelope(inner).replace(b"<tds:Model>X", b"<tds:Model>X&Y?a=1&b=2&nbsp;"),
    ],
)  # fmt: skip
def test_documents_spoilt_by_their_makers_are_read_as_they_were_meant(
    wrapped: Callable[[str], bytes],
) -> None:
    async def scene(device: Odd, client: OnvifClient) -> CameraFacts:
        device.wrapped = wrapped
        return await _described(device, client)

    assert asking(scene).device.model.startswith("X")


@pytest.mark.parametrize(
    "answers",
    [
        {"GetSystemDateAndTime": lambda a: USUAL[a.action] if _signed(a) else REFUSED},
        {"GetSystemDateAndTime": "<tds:R/>"},
        {"GetSystemDateAndTime": USUAL["GetSystemDateAndTime"].replace("2026", "0")},
        {"GetNetworkInterfaces": HTML},
        {"GetNetworkInterfaces": ""},
        {"GetServices": HTML, "GetCapabilities": CAPABILITIES},
        {"GetServices": "", "GetCapabilities": CAPABILITIES},
        {"GetServices": DEVICE_ONLY, "GetCapabilities": CAPABILITIES},
        {"GetServices": USUAL["GetServices"].replace("/wsdl<", "/wsdl/<")},
        {"GetServices": USUAL["GetServices"].replace("http://{host}/onvif/media", "")},
        {"GetServices": f"<r>{SERVICES}{MEDIA2}</r>",
         "GetProfiles": _of_media2(FAULT, USUAL["GetProfiles"])},
        {"GetServices": f"<r>{SERVICES}{MEDIA2}</r>",
         "GetProfiles": _of_media2(HTML, USUAL["GetProfiles"])},
        {"GetServices": f"<r>{SERVICES}{MEDIA2}</r>",
         "GetProfiles": _of_media2(MEDIA2_PROFILES, USUAL["GetProfiles"]),
         "GetStreamUri": _of_media2(FAULT, USUAL["GetStreamUri"])},
        {"GetProfiles": f"<r>{profile(size=(0, 0))}</r>"},
    ],
)  # fmt: skip
def test_a_camera_is_described_however_it_answers_what_is_less_needed(
    answers: dict[str, Answer],
) -> None:
    facts = asking(_described, **answers)
    assert (facts.main.uri, facts.device.serial) == ("rtsp://127.0.0.1:554/main", "S")


@pytest.mark.parametrize("answer", [HTML, REFUSED, FAULT, "<r><Uri>n/a</Uri></r>", ""])
def test_a_camera_is_not_lost_for_want_of_a_picture(answer: str | bytes) -> None:
    assert asking(_described, GetSnapshotUri=answer).snapshot is None


def test_a_time_that_can_not_be_read_is_told_as_none() -> None:
    assert asking(_described, GetSystemDateAndTime="<tds:R/>").device.clock_offset is None


def test_a_wrong_password_stays_bounded_where_even_the_time_is_asked_with_one() -> None:
    async def scene(device: Odd, client: OnvifClient) -> int:
        with pytest.raises(OnvifError) as caught:
            await client.describe()
        assert caught.value.trouble is Trouble.REFUSED
        return client.refusals

    refused = http(envelope(REFUSED), "401 Unauthorized", DIGEST)
    assert asking(scene, **dict.fromkeys(USUAL, refused)) <= 2


@pytest.mark.parametrize("year", ["1", "9999"])
def test_any_year_can_be_signed_in(year: str) -> None:
    edge = datetime(int(year), 1 if year == "1" else 12, 1 if year == "1" else 31, tzinfo=UTC)
    nanoseconds = int(edge.timestamp()) * 10**9
    day = 86_400 * 10**9
    for moment in (nanoseconds - day, nanoseconds, nanoseconds + 2 * day):
        assert "Created" in security("vms", Secret("gozcu"), moment)


@pytest.mark.parametrize(
    ("said", "codec"),
    [("video/h264", "h264"), ("video/H265", "h265"), ("H.265", "h265"), ("HEVC", "h265"),
     ("H264 High", "h264"), ("H.264+", "h264"), ("AVC", "h264"), ("video/hevc", "h265")],
)  # fmt: skip
def test_codecs_by_their_many_names(said: str, codec: str) -> None:
    facts = asking(_described, GetProfiles=f"<r>{profile(codec=said)}</r>")
    assert facts.main.profile.codec == codec


def test_a_size_that_is_not_told_is_neither_main_nor_sub_beside_one_that_is() -> None:
    unknown = profile("zero", size=(0, 0))
    facts = asking(_described, GetProfiles=f"<r>{unknown}{profile('full')}</r>")
    assert (facts.main.profile.token, facts.sub) == ("full", None)


def test_a_profile_without_an_address_is_passed_over() -> None:
    without_main = lambda a: FAULT if b">p1<" in a.body else USUAL["GetStreamUri"]  # noqa: E731
    without_sub = lambda a: FAULT if b">p2<" in a.body else USUAL["GetStreamUri"]  # noqa: E731
    assert asking(_described, GetStreamUri=without_main).main.profile.token == "p2"
    assert asking(_described, GetStreamUri=without_sub).sub is None
    with pytest.raises(OnvifError) as caught:
        asking(_described, GetStreamUri=FAULT)
    assert caught.value.trouble is Trouble.FAULT


@pytest.mark.parametrize(
    ("uri", "known"),
    [
        ("rtsp://0.0.0.0:8554/a?x=1&amp;y=2", "rtsp://10.0.0.5:8554/a?x=1&y=2"),
        ("/live/main", "rtsp://10.0.0.5/live/main"),
        ("rtsp:///live/main", "rtsp://10.0.0.5/live/main"),
        ("rtsp://1.2.3.4:0/a", "rtsp://10.0.0.5/a"),
        ("rtsp://1.2.3.4/kapı 1", "rtsp://10.0.0.5/kap%C4%B1%201"),
        ("rtsp://cam.local/a%20b", "rtsp://10.0.0.5/a%20b"),
    ],
)
def test_addresses_of_streams_as_makers_write_them(uri: str, known: str) -> None:
    assert uri_at(Address("10.0.0.5", 8080), uri, "rtsp") == known


@pytest.mark.parametrize(
    ("uri", "known"),
    [
        ("http://192.168.1.9:80/s.jpg", "http://10.0.0.5:8080/s.jpg"),  # behind a router
        ("http://10.0.0.5:81/s.jpg", "http://10.0.0.5:81/s.jpg"),
        ("/s.jpg?ch=1", "http://10.0.0.5:8080/s.jpg?ch=1"),
    ],
)
def test_addresses_of_pictures_as_makers_write_them(uri: str, known: str) -> None:
    assert uri_at(Address("10.0.0.5", 8080), uri) == known


def test_a_password_in_an_address_is_in_no_error() -> None:
    for wrong in ("ftp://admin:geheim@x/", "rtsp://x:99999/user=a_password=geheim_ch=1"):
        with pytest.raises(OnvifError) as caught:
            uri_at(Address("10.0.0.5"), wrong, "rtsp")
        assert "geheim" not in caught.value.detail


def test_a_camera_that_takes_tokens_for_calls_and_digest_for_pictures_is_steered_after_one() -> (
    None
):
    def call(asked: Asked) -> str | bytes:
        return USUAL[asked.action] if _signed(asked) else REFUSED

    def picture(asked: Asked) -> bytes:
        signed = "Authorization: Digest" in asked.head
        return http(b"\xff\xd8picture") if signed else http(b"", "401 Unauthorized", DIGEST)

    calls = ("GetDeviceInformation", "GetServices", "GetProfiles", "GetSnapshotUri")

    async def run() -> None:
        async with odd(**dict.fromkeys(calls, call)) as device:
            device.answers["GET /snap.jpg"] = picture
            client = client_at(device)
            assert await client.picture() == b"\xff\xd8picture"
            assert (await client.device()).serial == "S"
            assert client.refusals == 0

    asyncio.run(run())


def test_a_wrong_password_for_pictures_costs_one_refusal_a_picture() -> None:
    async def scene(device: Odd, client: OnvifClient) -> None:
        device.answers["GET /snap.jpg"] = http(b"", "401 Unauthorized", DIGEST)
        for refusals in (1, 2):
            with pytest.raises(OnvifError):
                await client.picture_at(f"http://{device.host}/snap.jpg")
            assert client.refusals == refusals

    asking(scene)


ID = "6f6b8f10-aaaa-bbbb-cccc-123456789abc"


def answered(xaddrs: str, relates: str = f"urn:uuid:{ID}", name: str = "Gate") -> list[Match]:
    """What is read of a probe's answer."""
    scopes = f"onvif://www.onvif.org/name/ onvif://www.onvif.org/name/{name}"
    return read_matches(
        f"<e:Envelope><e:Header><a:RelatesTo>{relates}</a:RelatesTo></e:Header><e:Body>"
        f"<d:ProbeMatches><d:ProbeMatch><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>".encode(),
        "10.0.0.5",
        ID,
    )


@pytest.mark.parametrize(
    "relates", ["", f"URN:UUID:{ID.upper()}", f"urn:uuid:{{{ID}}}", f"uuid:{ID}\n"]
)
def test_an_answer_that_says_the_probe_s_id_otherwise_is_one(relates: str) -> None:
    assert [one.name for one in answered("http://10.0.0.5/x", relates)] == ["Gate"]


def test_an_answer_to_somebody_else_s_probe_is_none() -> None:
    assert answered("http://10.0.0.5/x", "urn:uuid:other") == []


@pytest.mark.parametrize(
    "xaddrs",
    [
        "http://192.168.1.1/z,http://10.0.0.5:81/x",
        "http://10.0.0.5:81/x;http://192.168.1.1/z",
        "10.0.0.5:81/x",
        "https://10.0.0.5/x\n  http://[fe80::1%25eth0]/x HTTP://10.0.0.5:81/x",
    ],
)
def test_places_are_read_however_they_are_listed(xaddrs: str) -> None:
    (found,) = answered(xaddrs)
    assert (found.port, found.path, found.tls, found.vague) == (81, "/x", False, False)


@pytest.mark.parametrize("answer", [b"", http(envelope("<r/>"))])
def test_a_camera_that_hangs_up_when_it_is_restarted_did_as_it_was_told(answer: bytes) -> None:
    async def scene(device: Odd, client: OnvifClient) -> list[str]:
        await client.reboot()
        return device.actions

    assert asking(scene, SystemReboot=answer).count("SystemReboot") == 1


def test_a_restart_that_is_refused_says_so() -> None:
    async def scene(device: Odd, client: OnvifClient) -> None:
        await client.reboot()

    with pytest.raises(OnvifError) as caught:
        asking(scene, SystemReboot=REFUSED)
    assert caught.value.trouble is Trouble.REFUSED


def test_a_backup_is_fetched_where_a_page_of_html_stands_for_a_call() -> None:
    async def scene(device: Odd, client: OnvifClient) -> bytes:
        return await client.backup()

    inline = "<r><BackupFiles><Data>YWJj</Data></BackupFiles></r>"
    assert asking(scene, GetSystemUris=HTML, GetSystemBackup=inline) == b"abc"


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (http(b"", "423 Locked"), Trouble.LOCKED),
        (http(b"", "429 Too Many Requests"), Trouble.LOCKED),
        (http(b"", "401 Account locked", DIGEST), Trouble.LOCKED),
        (http(b"<html>Your IP is blocked for 30 minutes", "403 Forbidden"), Trouble.LOCKED),
        (http(b"<html>Clock not set", "403 Forbidden"), Trouble.REFUSED),
    ],
)
def test_a_lock_is_told_however_http_says_it(answer: bytes, trouble: Trouble) -> None:
    async def scene(device: Odd, client: OnvifClient) -> None:
        with pytest.raises(OnvifError) as caught:
            await client.device()
        assert caught.value.trouble is trouble
        with pytest.raises(OnvifError) as caught:
            await client.picture_at(f"http://{device.host}/snap.jpg")
        assert caught.value.trouble is trouble

    asking(scene, **{"GetDeviceInformation": answer, "GET /snap.jpg": answer})


def test_a_server_that_tells_no_length_and_holds_the_line_is_understood() -> None:
    async def scene(device: Odd, client: OnvifClient) -> CameraFacts:
        device.held_s = 3.0
        device.framed = lambda body: b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n" + body
        return await _described(device, client)

    assert asking(scene).device.serial == "S"


@pytest.mark.parametrize(
    ("xaddr", "port", "path"),
    [
        ("10.0.0.5:81/onvif/media", 81, "/onvif/media"),
        ("cam.local/onvif/media", 80, "/onvif/media"),
        ("/onvif/media?x=1", 80, "/onvif/media?x=1"),
        ("http://10.0.0.9:81", 80, "/"),
    ],
)
def test_places_of_services_as_makers_write_them(xaddr: str, port: int, path: str) -> None:
    address, target = path_at(Address("10.0.0.5"), xaddr)
    assert (address.host, address.port, target) == ("10.0.0.5", port, path)


def test_a_place_that_is_no_address_is_stated() -> None:
    with pytest.raises(OnvifError) as caught:
        path_at(Address("10.0.0.5"), "urn:uuid:12")
    assert caught.value.trouble is Trouble.BROKEN_ANSWER


def test_a_level_of_the_picture_is_written_without_an_exponent() -> None:
    async def scene(device: Odd, client: OnvifClient) -> bytes:
        await client.imaging.set({"brightness": 1234567.5})
        return device.asked[-1].body

    told = "<r><ImagingSettings><Brightness>50,5</Brightness></ImagingSettings></r>"
    options = "<r><Brightness><Min>0</Min><Max>9999999</Max></Brightness></r>"
    answers = {"GetImagingSettings": told, "GetOptions": options, "SetImagingSettings": "<r/>"}
    assert b"<tt:Brightness>1234567.5</tt:Brightness>" in asking(scene, **answers)


PAGE = b"<!DOCTYPE html>\n<html><head><meta charset=utf-8></head><body><p>Welcome<br></body></html>"
BOMB = b'<!DOCTYPE html [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><html>&b;</html>'


@pytest.mark.parametrize(
    ("document", "trouble"),
    [
        (PAGE, Trouble.NOT_ONVIF),
        (b"\r\n" + PAGE.replace(b"html>\n", b'html PUBLIC "-//W3C//DTD" "http://w3.org/x.dtd">'),
         Trouble.NOT_ONVIF),
        (b'{"error": 1}', Trouble.NOT_ONVIF),
        (b"", Trouble.NOT_ONVIF),
        (BOMB, Trouble.HOSTILE),
        (b"\r\n" + BOMB.replace(b"html", b"e:Envelope"), Trouble.HOSTILE),
    ],
)  # fmt: skip
def test_a_web_page_is_no_device_and_no_attack(document: bytes, trouble: Trouble) -> None:
    with pytest.raises(OnvifError) as caught:
        asking(_described, GetSystemDateAndTime=http(document))
    assert caught.value.trouble is trouble


def test_pages_with_a_document_type_stand_for_unknown_calls_too() -> None:
    page = http(PAGE, "404 Not Found")
    facts = asking(
        _described, GetSnapshotUri=page, GetNetworkInterfaces=page, GetServices=page,
        GetCapabilities=CAPABILITIES,
    )  # fmt: skip
    assert (facts.snapshot, facts.device.mac) == (None, None)


def test_a_picture_that_media2_does_not_tell_is_asked_of_media() -> None:
    facts = asking(
        _described,
        GetServices=f"<r>{SERVICES}{MEDIA2}</r>",
        GetProfiles=_of_media2(MEDIA2_PROFILES, USUAL["GetProfiles"]),
        GetSnapshotUri=_of_media2(FAULT, USUAL["GetSnapshotUri"]),
    )
    assert facts.main.profile.service == "media2"
    assert facts.snapshot is not None


def test_a_password_in_a_stream_s_address_is_told_nobody() -> None:
    """XM writes one there, hashed; a search shows what it found, and adds it to the registry."""
    uri = "rtsp://{name}:554/user=admin_password=tlJwpbo6_channel=1.sdp"
    answers: dict[str, Answer] = {
        "GetStreamUri": f"<r><Uri>{uri}</Uri></r>",
        "GetSnapshotUri": "<r><Uri>http://{host}/s.jpg?user=a&amp;password=tlJwpbo6</Uri></r>",
    }
    facts = asking(_described, **answers)
    match = Match("127.0.0.1", "u", 80, "/x", "Gate", "")
    for credentials, known in ((RIGHT, "gozcu"), (None, "tlJwpbo6")):
        found = Found(match, facts, credentials, None, None, None)
        assert "tlJwpbo6" not in json.dumps(found.as_json())
        camera = entered(suggested(found, ()))
        assert camera.source == "rtsp://127.0.0.1:554/user=admin_password={password}_channel=1.sdp"
        assert camera.password == Secret(known)
        registered = RegisteredCamera(camera, "database")
        ids = _ids_by_place([registered])
        assert _known_as(match, facts, ids) == "gate"


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        (USUAL["GetSystemDateAndTime"], True),
        ("<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime/>"
         "</tds:GetSystemDateAndTimeResponse>", True),
        (http(envelope(REFUSED), "401 Unauthorized", DIGEST), True),
        (http(b"<html/>", "401 Unauthorized", DIGEST), False),
        ("<r>hello</r>", False),
        (FAULT, False),
    ],
)  # fmt: skip
def test_who_refuses_its_time_in_soap_is_found_by_its_address(answer: Answer, there: bool) -> None:
    async def scene(device: Odd, client: OnvifClient) -> bool:
        port = int(device.host.rpartition(":")[2])
        local = Networks(("127.0.0.0/8",))
        found = await knock(local, ["127.0.0.1"], (port, 1), sign_in, SystemClock())
        return bool(found)

    assert asking(scene, GetSystemDateAndTime=answer) is there


def test_nonces_that_serve_once_are_no_wrong_passwords() -> None:
    """With an allowance of a search: seven calls would have used it up."""
    nonce = 0

    def call(asked: Asked) -> bytes | str:
        nonlocal nonce
        right = f'nonce="n{nonce}"' in asked.head
        nonce += 1
        fresh = f'WWW-Authenticate: Digest realm="r", nonce="n{nonce}", stale=TRUE\r\n'
        return USUAL[asked.action] if right else http(b"", "401 Unauthorized", fresh)

    async def run() -> tuple[CameraFacts, int]:
        async with odd(**dict.fromkeys(USUAL, call)) as device:
            allowance = Allowance(4)
            client = client_at(device, allowance=allowance)
            return await _described(device, client), allowance.left

    facts, left = asyncio.run(run())
    assert facts.snapshot is not None
    assert left >= 3
