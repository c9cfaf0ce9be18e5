"""A recorder that died: what lasts since then has its cause at once, not at the next start."""

from __future__ import annotations

from pathlib import Path

from storage.unattended import SIGN_OF_LIFE
from tests.storage.house import Recorder, key, open_archive, open_store
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.model import Cause, StreamKey

GATE, YARD = key("gate"), key("yard")
ALWAYS = Instant(0), Instant(2**62)


def causes(root: Path, clock: FakeClock, stream: StreamKey) -> list[tuple[int, int | None, Cause]]:
    found = open_archive(root, clock).gaps(stream, *ALWAYS)
    return [(gap.start, gap.end, gap.cause) for gap in found]


def test_what_lasts_since_it_died_is_a_gap_as_its_next_start_writes_it(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:  # it is never closed while we look
        store.recover([GATE, YARD])
        recorder = Recorder(store, clock, GATE)
        store.open_gap(YARD, clock.now(), Cause.UNREACHABLE)
        away = clock.now()
        for _ in range(5):
            clock.advance(SECOND)
            recorder.step()
            store.pump()
        died = clock.now()
        clock.advance(SIGN_OF_LIFE)
        assert causes(tmp_path, clock, GATE) == []
        clock.advance(SECOND)
        told = causes(tmp_path, clock, GATE), causes(tmp_path, clock, YARD)
        line = open_archive(tmp_path, clock).timeline(GATE, away, clock.now(), SECOND)
        before = open_archive(tmp_path, clock).gaps(GATE, away, Instant(died - SECOND))
        shown = [(gap.start, gap.end, gap.cause) for gap in line.gaps]
        with open_store(tmp_path, clock) as again:
            again.recover([GATE, YARD])
            written = causes(tmp_path, clock, GATE), causes(tmp_path, clock, YARD)
    assert told[0] == [(died, None, Cause.RECORDER_CRASHED)]
    assert told[1] == [
        (away, died, Cause.UNREACHABLE),
        (died, None, Cause.RECORDER_CRASHED),
    ]
    assert told == written
    assert before == []
    assert [cause for _, _, cause in shown] == [Cause.RECORDER_CRASHED]


def test_a_recorder_that_was_stopped_on_purpose_did_not_die(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        store.recover([GATE])
        clock.advance(SECOND)
        Recorder(store, clock, GATE).step()
    clock.advance(SIGN_OF_LIFE * 2)
    assert [cause for _, _, cause in causes(tmp_path, clock, GATE)] == [Cause.RECORDER_STOPPED]
