"""Entries as messages of RFC 5424, with structured data, and as CEF beside it; framed as RFC 5425
and RFC 6587 count octets. Pure.
"""

from __future__ import annotations

from vms.core.clock import Instant, rfc3339
from vms.people.audit.entry import NAMES, Entry

_FACILITY = 13  # log audit (RFC 5424 §6.2.1)
_NOTICE, _WARNING = 5, 4
_SD_ID = "gozcu@32473"  # the number that RFC 5612 keeps for who has none
_TIMES = ("at", "start", "end")
_CEF = {
    "at": "rt",
    "who": "suser",
    "address": "src",
    "camera": "cs1",
    "subject": "cs2",
    "outcome": "outcome",
    "detail": "msg",
    "start": "start",
    "end": "end",
}


def message(number: int, entry: Entry, host: str, version: str, *, cef: bool = False) -> bytes:
    """One message, without framing. `number`: by which a collector knows one it has already."""
    severity = _NOTICE if entry.outcome == "done" else _WARNING
    head = f"<{_FACILITY * 8 + severity}>1 {rfc3339(entry.at)} {_name(host, 255)} gozcu - "
    pairs = [f'id="{number}"']
    for name in NAMES:
        value = getattr(entry, name)
        if value not in (None, "") and name != "at":
            text = rfc3339(Instant(value)) if name in _TIMES else str(value)
            pairs.append(f'{name}="{_escaped(text)}"')
    said = _cef(entry, version) if cef else f"{entry.who} {entry.what} {entry.camera}".strip()
    data = f"[{_SD_ID} {' '.join(pairs)}]"
    # The mark says that the text is UTF-8 (§6.4).
    return f"{head}{entry.what} {data} \ufeff{said}".encode()


def framed(text: bytes) -> bytes:
    """With its length before it (RFC 5425 §4.3), for TLS and TCP."""
    return b"%d %s" % (len(text), text)


def _cef(entry: Entry, version: str) -> str:
    """CEF:0: its head's bars and its values' equal signs are escaped."""
    severity = 3 if entry.outcome == "done" else 7
    head = "|".join(
        ("CEF:0", "Gozcu", "Gozcu VMS", _bar(version), str(entry.what), str(entry.what))
    )
    pairs = []
    for name, key in _CEF.items():
        value = getattr(entry, name)
        if value in (None, ""):
            continue
        text = str(value // 1_000_000) if name in _TIMES else str(value)  # ms since 1970
        pairs.append(f"{key}={text.replace(chr(92), chr(92) * 2).replace('=', chr(92) + '=')}")
        if key.startswith("cs"):
            pairs.append(f"{key}Label={name}")
    return f"{head}|{severity}|{' '.join(pairs)}"


def _bar(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _escaped(text: str) -> str:
    """§6.3.3: quote, backslash and bracket."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _name(text: str, limit: int) -> str:
    """Printable ASCII without spaces, or nothing (`-`)."""
    return "".join(sign for sign in text if 33 <= ord(sign) <= 126)[:limit] or "-"
