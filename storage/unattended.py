"""What lasts since the recorder died, before its next start writes it down (invariant 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from storage.coverage import last_gaps
from storage.facts import GapFacts
from storage.group_sync import last_alive
from vms.core.clock import SECOND, Instant, Span
from vms.core.model import StreamKey

SIGN_OF_LIFE = Span(30 * SECOND)
"""A recorder leaves one on each volume each second; a disk that hangs may hold it up."""


def died(roots: Iterable[Path], now: Instant) -> Instant | None:
    """Since when no recorder runs; None while one does, or if none ever did on these volumes."""
    signs = [sign for root in roots if (sign := last_alive(root)) is not None]
    last = max(signs, default=None)
    return last if last is not None and last + SIGN_OF_LIFE < now else None


def with_silence(
    stream: StreamKey, gaps: Sequence[GapFacts], until: Instant, dead_since: Instant, now: Instant
) -> list[GapFacts]:
    """A stream's gaps as the recorder's next start will leave them. `until`: where the last thing
    known of the stream ends; an open gap begins there."""
    lasting = [gap for gap in gaps if gap.end is None]
    ended = [gap for gap in gaps if gap.end is not None]
    return ended + last_gaps(stream, until, now, dead_since, lasting)
