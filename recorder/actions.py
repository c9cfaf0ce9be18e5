"""What a session wants done with a stream's segments, in order."""

from __future__ import annotations

from dataclasses import dataclass

from storage.facts import Fragment, RunFacts
from vms.core.clock import Instant
from vms.core.media import StreamFormat
from vms.core.model import Cause


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """Begin a segment. `hole`: why there is none between it and the one before, if so."""

    start: Instant
    format: StreamFormat
    run: RunFacts
    hole: Cause | None = None


@dataclass(frozen=True, slots=True)
class Append:
    """Write a fragment that lies from `start` to `end`; it begins where the last one ended."""

    fragment: Fragment
    start: Instant
    end: Instant


@dataclass(frozen=True, slots=True)
class CloseSegment:
    """End the open segment at `end`, where its last fragment ends."""

    end: Instant


Action = OpenSegment | Append | CloseSegment
