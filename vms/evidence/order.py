"""What is to be handed out, and why it is refused if it can't be. Pure."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal, cast

from vms.core import errors
from vms.core.clock import DAY, Instant, rfc3339
from vms.core.model import CameraId, StreamKey, StreamName
from vms.evidence.words import Language

LONGEST = 31 * DAY
CAMERAS_MAX = 100
REASON_MAX = 1_000


class Refused(errors.Refused):
    """An order that can't be carried out; `code` for programs, the text for people."""

    def __init__(
        self, code: Literal["bad_span", "future", "no_footage", "bad_order"], text: str
    ) -> None:
        self.code = code
        super().__init__(text)


def new_id(now: Instant) -> str:
    """`20261122T113207-3fa9c1`: sorts by time, is a file name, and nobody has it already."""
    return f"{re.sub('[-:]', '', rfc3339(now, digits=0))[:15]}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class Order:
    """Footage of some cameras in [start, end), for a reason, asked for by a person.

    `id` names the package; `by`: an account, or `os:USER` from the command line.
    """

    id: str
    cameras: tuple[CameraId, ...]
    start: Instant
    end: Instant
    reason: str
    by: str
    made: Instant
    language: Language = "tr"
    stream: StreamName = "main"

    @property
    def streams(self) -> list[StreamKey]:
        return [StreamKey(camera, self.stream) for camera in self.cameras]

    def check(self, now: Instant) -> None:
        """Raise Refused for what can be seen without looking at footage."""
        if self.start >= self.end:
            raise Refused(
                "bad_span",
                f"the span ends ({rfc3339(self.end)}) before it begins ({rfc3339(self.start)}); "
                "give a start that lies before the end",
            )
        if self.end > now:
            raise Refused(
                "future",
                f"the span ends in the future ({rfc3339(self.end)}; now it is {rfc3339(now)}); "
                "wait until then, or give an earlier end",
            )
        if self.end - self.start > LONGEST:
            raise Refused(
                "bad_span",
                f"the span is {(self.end - self.start) // DAY} days long; hand out "
                f"{LONGEST // DAY} days at most at once",
            )
        if not 0 < len(self.cameras) <= CAMERAS_MAX:
            raise Refused("bad_order", f"name from 1 to {CAMERAS_MAX} cameras")
        if len(set(self.cameras)) < len(self.cameras):
            raise Refused("bad_order", "a camera is named twice")
        if len(self.reason) > REASON_MAX:
            raise Refused("bad_order", f"give a reason of at most {REASON_MAX} letters")

    def to_json(self) -> str:
        """For the table of jobs."""
        return json.dumps(
            {
                "cameras": self.cameras,
                "start": self.start,
                "end": self.end,
                "reason": self.reason,
                "language": self.language,
                "stream": self.stream,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str, *, id_: str, by: str, made: Instant) -> Order:
        """Read what `to_json` wrote."""
        facts: dict[str, Any] = json.loads(text)
        return cls(
            id_,
            tuple(CameraId(camera) for camera in facts["cameras"]),
            Instant(facts["start"]),
            Instant(facts["end"]),
            facts["reason"],
            by,
            made,
            cast(Language, facts["language"]),
            cast(StreamName, facts["stream"]),
        )
