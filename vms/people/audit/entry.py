"""An entry of the audit: who did what, when, from where; and its one canonical line. Pure.

The line is what the ledger's leaf is the hash of, so equal entries are equal bytes: JSON in UTF-8
with sorted keys and no spaces, what is empty or absent left out.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, fields
from typing import Literal

from vms.core.clock import Instant, rfc3339
from vms.core.plain import plain

Via = Literal["session", "token", "cli", "system", "none"]
Phase = Literal["opened", "goes_on", "closed"]
Outcome = Literal["done", "denied", "failed"]

TEXT_MAX = 500


class What(enum.StrEnum):
    """What was done. The words stand in SQL, JSON and on screens; a new one is added here."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    ACCOUNT = "account"  # one's own password, second factor, tokens, sign-ins
    LIVE = "live"
    LOOK_BACK = "look_back"
    SNAPSHOT = "snapshot"  # single pictures
    STEER = "steer"
    DEVICE = "device"  # a camera's own settings and clock
    HOLD = "hold"
    LIFT = "lift"
    BLOCK = "block"  # hidden from all but named people, and hidden no more
    EXPORT = "export"  # asked for, stopped
    DOWNLOAD = "download"
    EVENT = "event"
    RETENTION = "retention"
    CAMERAS = "cameras"
    DISCOVERY = "discovery"
    PEOPLE = "people"
    APPROVAL = "approval"
    SETTINGS = "settings"
    READ_AUDIT = "read_audit"
    AUDIT_PACK = "audit_pack"
    LOST = "lost"  # entries that could not be kept; `subject` says how many


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done. `at`: when, UTC ns.

    `who`: the account's name, empty for nobody signed in; `via`: by what it was let in; `address`:
    from where. `subject`: what it was done to, `detail`: how. `start`, `end`: the footage it is
    about; `viewing` and `phase`: entries of one viewing, of which the last holds. Texts are cut to
    `TEXT_MAX`, control characters left out.
    """

    at: Instant
    what: What
    who: str
    via: Via = "none"
    address: str = ""
    camera: str = ""
    subject: str = ""
    detail: str = ""
    outcome: Outcome = "done"
    start: Instant | None = None
    end: Instant | None = None
    viewing: str = ""
    phase: Phase | None = None

    def __post_init__(self) -> None:
        for name in _TEXTS:
            object.__setattr__(self, name, plain(getattr(self, name), TEXT_MAX))

    def line(self) -> bytes:
        """The canonical line, without a newline."""
        values = {name: getattr(self, name) for name in NAMES}
        told = {name: value for name, value in values.items() if value not in (None, "")}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8", "replace")

    def as_json(self) -> dict[str, object]:
        """For the API and the command line: times in RFC 3339, what is absent null."""
        values: dict[str, object] = {name: getattr(self, name) for name in NAMES}
        for name in _TIMES:
            found = values[name]
            values[name] = rfc3339(Instant(found)) if isinstance(found, int) else None
        return values


NAMES = tuple(field.name for field in fields(Entry))
_TEXTS = ("who", "address", "camera", "subject", "detail", "viewing")
_TIMES = ("at", "start", "end")


def parse(line: bytes) -> Entry:
    """The entry of a line. Raises ValueError for what `line` would not have written."""
    try:
        values = json.loads(line)
        values["what"] = What(values["what"])
        values.setdefault("who", "")
        entry = Entry(**values)
        same = entry.line() == line
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no entry of the audit: {error}") from error
    if not same:
        raise ValueError("an entry of the audit that is not canonical")
    return entry
