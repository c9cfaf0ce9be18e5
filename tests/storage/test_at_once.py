"""A segment gets its row while somebody reads: it is in the answer, once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.archive import Archive
from storage.days import DayBounds
from storage.index import Index
from storage.recording import Store
from tests.storage.house import Recorder, key, open_archive, open_store
from vms.core.clock import DAY, SECOND, FakeClock, Instant

GATE = key("gate")
ALWAYS = Instant(0), Instant(2**62)


def seconds(archive: Archive, how: str, begin: Instant, now: Instant) -> int:
    """What `how` says is recorded."""
    if how == "segments":
        spans = [(one.start, one.end) for one in archive.segments(GATE, *ALWAYS)]
    elif how == "timeline":
        spans = list(archive.timeline(GATE, begin, now, SECOND).spans)
    else:
        bounds = DayBounds("2025-11-22", begin, Instant(begin + DAY))
        return archive.days(GATE, [bounds])[0].recorded // SECOND
    return sum(end - start for start, end in spans) // SECOND


@pytest.mark.parametrize(
    ("how", "question"), [("segments", "segments"), ("timeline", "spans"), ("days", "recorded")]
)
def test_a_segment_that_gets_its_row_meanwhile_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, question: str
) -> None:
    clock = FakeClock()
    begin = clock.now()
    with open_store(tmp_path, clock) as store:
        store.recover([GATE])
        recorder = Recorder(store, clock, GATE)
        for _ in range(7):  # two segments of three seconds and one that is written
            clock.advance(SECOND)
            recorder.step()
            store._volumes.pump()
        archive = open_archive(tmp_path, clock)
        monkeypatch.setattr(Index, question, then_indexed(getattr(Index, question), store))
        assert seconds(archive, how, begin, clock.now()) == 7
        assert seconds(archive, how, begin, clock.now()) == 7


def then_indexed(ask: Callable[..., Any], store: Store) -> Callable[..., Any]:
    """The same question; right after it what waits for its row gets it."""

    def asked(*arguments: Any) -> Any:
        found = ask(*arguments)
        store._indexer.flush()
        return found

    return asked
