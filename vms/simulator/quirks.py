"""Quirks of real cameras that a simulated one can be given while it runs: what it answers and what
it sends, changed on the way out. Pure.

The whole list is played to the recorder by tests/interop/quirks.py; here stands what can be had by
changing finished bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

PREFIX = "quirk-"
NO_REPORTS = f"{PREFIX}no-reports"

ChangeAnswer = Callable[[str, bytes], tuple[str, bytes]]
"""Header lines and body of an RTSP answer, as they were and as they become."""
ChangePacket = Callable[[bytes], list[bytes]]
"""What goes out for an RTP packet."""


@dataclass(frozen=True, slots=True)
class Quirk:
    """What it is, and where it takes hold. `method`: of the request whose answer is changed; None:
    of all. `silent`: that request is not answered at all.
    """

    text: str
    method: str | None = None
    answer: ChangeAnswer | None = None
    packet: ChangePacket | None = None
    silent: bool = False


def _odd_transport(head: str, body: bytes) -> tuple[str, bytes]:
    found = re.search(r"Transport: RTP/AVP/TCP;(.*);ssrc=(\w+)", head)
    if found is None:  # over UDP
        return head, body
    odd = f"Transport: ssrc= {found[2]};RTP/AVP;{found[1]}"
    return head.replace(found[0], odd), body


def _blanks(head: str, body: bytes) -> tuple[str, bytes]:
    first, *lines = head.split("\r\n")
    lines = [re.sub(r"^CSeq: ", "CSeq:    ", line) + "  " for line in lines]
    return "\r\n".join([first[: len("RTSP/1.0 200")], *lines]), body


def _bare_sdp(head: str, body: bytes) -> tuple[str, bytes]:
    head = "\r\n".join(one for one in head.split("\r\n") if not one.startswith("Content-Type"))
    return head, re.sub(rb"(?m)^[vostc]=.*\r\n", b"", body)


def _no_sprop(head: str, body: bytes) -> tuple[str, bytes]:
    return head, re.sub(rb";?sprop-[\w-]+=[^;\r]*", b"", body)


def _clock_rate_0(head: str, body: bytes) -> tuple[str, bytes]:
    return head, body.replace(b"/90000", b"/0")


def _without_marker(packet: bytes) -> list[bytes]:
    return [packet[:1] + bytes((packet[1] & 0x7F,)) + packet[2:]]


def _twice(packet: bytes) -> list[bytes]:
    return [packet, packet]


QUIRKS: Mapping[str, Quirk] = {
    NO_REPORTS: Quirk("no RTCP sender reports"),
    f"{PREFIX}keep-alive": Quirk("keep-alives are not answered", "GET_PARAMETER", silent=True),
    f"{PREFIX}transport": Quirk(
        "Transport with ssrc first, a blank in it, and no /TCP", "SETUP", _odd_transport
    ),
    f"{PREFIX}blanks": Quirk("blanks around headers, no reason phrase", answer=_blanks),
    f"{PREFIX}bare-sdp": Quirk("SDP without v=, o=, s=, no Content-Type", "DESCRIBE", _bare_sdp),
    f"{PREFIX}no-sprop": Quirk("SDP without parameter sets", "DESCRIBE", _no_sprop),
    f"{PREFIX}clock-rate": Quirk("SDP with clock rate 0", "DESCRIBE", _clock_rate_0),
    f"{PREFIX}no-marker": Quirk("no RTP packet has a marker", packet=_without_marker),
    f"{PREFIX}double": Quirk("each RTP packet is sent twice", packet=_twice),
}


def answered(answer: bytes, method: str, on: Container[str]) -> bytes:
    """An RTSP answer as a camera with these quirks gives it."""
    for name, quirk in QUIRKS.items():
        if name not in on or quirk.method not in (None, method):
            continue
        if quirk.silent:
            return b""
        if quirk.answer is not None:
            head, _, body = answer.partition(b"\r\n\r\n")
            answer = _joined(*quirk.answer(head.decode(), body))
    return answer


def sent(packets: list[bytes], on: Container[str]) -> list[bytes]:
    """RTP packets as a camera with these quirks sends them; the same list without any."""
    for name, quirk in QUIRKS.items():
        if quirk.packet is not None and name in on:
            packets = [changed for packet in packets for changed in quirk.packet(packet)]
    return packets


def _joined(head: str, body: bytes) -> bytes:
    """The answer again, its length that of the body."""
    head = re.sub(r"(?m)^(Content-Length:\s*)\d+", rf"\g<1>{len(body)}", head)
    return head.encode() + b"\r\n\r\n" + body
