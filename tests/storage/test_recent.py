"""Files the index has not heard of: found, walked on, and never one into the next."""

from pathlib import Path

from storage.facts import Fragment, RunFacts, Sample
from storage.recent import RecentFiles
from storage.volume import find_volume
from tests.storage.house import FORMAT, key, open_store, second
from vms.core.clock import MILLISECOND, SECOND, FakeClock, Instant

GATE = key("gate")


def test_a_file_ends_where_the_next_begins_however_long_its_sound_and_pictures_say(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        store.recover([GATE])
        start = Instant(clock.now())
        clock.advance(4 * SECOND)
        border = Instant(start + SECOND - 20 * MILLISECOND)
        first = store.open_segment(GATE, start, FORMAT, RunFacts(1, start))
        assert first.append(second(0, 0, key=True))
        assert first.append(Fragment([], [Sample(b"\1" * 800, 800)], 90_000, 8_000))
        first.close(border)
        following = store.open_segment(GATE, border, FORMAT, RunFacts(1, start))
        assert following.append(second(1, 0, key=True))
        store.pump()
        root = tmp_path / "video"
        recent = RecentFiles({str(find_volume(root)): root}).after(GATE, None, clock.now())
        spans = [(file.head.head.start, file.end) for file in recent]
        assert spans == [(start, border), (border, border + SECOND)]
