"""The health checks hear of each move once, and of patrols as long as they run."""

from __future__ import annotations

from pathlib import Path

from storage.database import migrate, open_database
from vms.cameras.steering.moves import Moves
from vms.cameras.steering.patrol import Patrol, Step
from vms.cameras.steering.records import DONE, Logged, Records
from vms.core.clock import SECOND, FakeClock, Instant


def test_moves_are_told_and_what_moved_nothing_is_not(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(engine)
    records, clock = Records(engine), FakeClock()
    moves, begin = Moves(records, clock), clock.now()

    def log(camera: str, word: str, result: str = DONE) -> Instant:
        clock.advance(SECOND)
        records.log(Logged(camera, clock.now(), "ali", word, "", result, ""))
        return clock.now()

    assert moves.last() == {}
    gate = log("gate", "move")
    log("gate", "preset_save")
    log("yard", "preset_goto", "unreachable")
    assert moves.last() == {"gate": gate}
    yard = log("yard", "preset_goto")
    assert moves.last() == {"gate": gate, "yard": yard}
    assert Moves(records, clock).last() == moves.last()
    records.set_patrol("gate", Patrol((Step("1", 30),), running=True))
    clock.advance(60 * SECOND)
    assert moves.last() == {"gate": begin + 64 * SECOND, "yard": yard}
    engine.dispose()
