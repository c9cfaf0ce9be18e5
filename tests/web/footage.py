"""Footage for the web's tests: real coded pictures, recorded by the real store.

From `START`: two files of one run, 4 s each; a gap of 10 s; a file with B-frames and AAC, 4 s; and
after it one that is still being written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from storage.facts import RunFacts
from storage.recording import Store
from tests.storage.encoded import Coded, coded, fragments
from vms.core.clock import SECOND, Clock, Instant
from vms.core.config import Settings
from vms.core.model import CameraId, Cause, StreamKey

GATE = StreamKey(CameraId("gate-north"))
START = Instant(1_763_800_000 * SECOND)
SECOND_FILE = Instant(START + 4 * SECOND)
GAP = Instant(START + 8 * SECOND)
THIRD_FILE = Instant(START + 18 * SECOND)
OPEN_FILE = Instant(START + 22 * SECOND)
NOW = Instant(START + 24 * SECOND)


@contextlib.contextmanager
def recorded(settings: Settings, clock: Clock) -> Iterator[None]:
    """The footage, while the recorder still has its last file open."""
    plain, fancy = coded(), coded(b_frames=2, audio="aac")
    with Store(settings, clock, threads=False) as store:
        store.recover([GATE])
        run = RunFacts(1, START)
        _file(store, plain, START, run)
        _file(store, plain, SECOND_FILE, run)
        store.open_gap(GATE, GAP, Cause.UNREACHABLE, "no route to 10.0.0.5")
        later = RunFacts(2, THIRD_FILE)
        _file(store, fancy, THIRD_FILE, later)
        still = store.open_segment(GATE, OPEN_FILE, fancy.format, later)
        for fragment in fragments(fancy)[:2]:
            assert still.append(fragment)
        store.pump()
        yield


def _file(store: Store, stream: Coded, start: Instant, run: RunFacts) -> None:
    segment = store.open_segment(GATE, start, stream.format, run)
    for fragment in fragments(stream):
        assert segment.append(fragment)
    segment.close(Instant(start + 4 * SECOND))
    store.pump()
