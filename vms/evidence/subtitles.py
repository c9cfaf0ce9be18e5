"""Subtitles that say the true time over each second of a clip, and where footage is missing.

Players show an `.srt` that lies beside a clip and has its name, so the time is seen without one
coded byte being touched. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from storage.facts import GapFacts
from vms.core.clock import MILLISECOND, SECOND, Instant
from vms.evidence.local import SiteTime
from vms.evidence.words import Language, cause_in, words_in


def subtitles(
    name: str,
    start: Instant,
    end: Instant,
    gaps: Sequence[GapFacts],
    local: SiteTime,
    language: Language,
) -> Iterator[str]:
    """The cues of a clip that shows [start, end) of the camera `name`."""
    said = words_in(language)["no_footage"]
    number = 0
    for begins, until, gap in _stretches(start, end, gaps):
        if gap is not None:
            text = f"{said}: {cause_in(language, gap.cause)}\n{local.plain(begins)} – "
            number += 1
            yield _cue(number, begins - start, until - start, text + local.plain(until))
            continue
        at = begins
        while at < until:
            following = min(until, (at // SECOND + 1) * SECOND)
            number += 1
            yield _cue(number, at - start, following - start, f"{name}  {local.plain(at)}")
            at = Instant(following)


def _stretches(
    start: Instant, end: Instant, gaps: Sequence[GapFacts]
) -> Iterator[tuple[Instant, Instant, GapFacts | None]]:
    """[start, end) in order: footage (None) and gaps."""
    at = start
    for gap in gaps:
        begins = max(at, gap.start)
        until = min(end, gap.end if gap.end is not None else end)
        if until <= begins:
            continue
        if at < begins:
            yield at, begins, None
        yield begins, until, gap
        at = until
    if at < end:
        yield at, end, None


def _cue(number: int, begins: int, until: int, text: str) -> str:
    return f"{number}\n{_time(begins)} --> {_time(until)}\n{text}\n\n"


def _time(span: int) -> str:
    seconds, rest = divmod(span, SECOND)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d},{rest // MILLISECOND:03d}"
