"""What viewers get: epochs that rise, newcomers' pictures of the present one, nothing at private
hours."""

from __future__ import annotations

from recorder.choice import Choice
from recorder.intake import Intake
from recorder.live_output import LiveOutput
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules
from recorder.source import Element
from tests.recorder.scene import GATE, week
from tests.recorder.streams import FORMAT, OTHER, pictures
from vms.core.clock import FakeClock
from vms.core.live import FormatChanged, LiveHub, LiveMessage, StreamDown
from vms.core.model import Cause


class Shown:
    """A stream that is only shown, and a viewer of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.intake = Intake(GATE, None, None, Rules(), PreRollMemory(0), self.clock)
        self.intake.begin(Reading(self.clock.now(), self.clock.monotonic()))
        self.seen: list[LiveMessage] = []
        self.epochs = 0
        hub = LiveHub(lambda _: (), lambda _key, _on: None)
        hub.subscribe(GATE, self.seen.append)
        self.live = LiveOutput(GATE, self.intake, hub, self.clock, self._began)

    def sweep(self, *units: Element, leapt: bool = False) -> list[Element]:
        session = self.intake.session
        assert session is not None
        return self.live.show(self.intake.feed(units), session, leapt=leapt)

    def held(self) -> int:
        return len(self.live.backlog(None))

    def _began(self) -> None:
        self.epochs += 1


def test_each_format_begins_an_epoch_and_newcomers_see_the_present_one_alone() -> None:
    shown = Shown()
    assert shown.sweep(FORMAT, *pictures(5)) == [FORMAT]
    assert shown.held() == 5
    shown.sweep(OTHER)
    assert shown.held() == 0
    shown.sweep(*pictures(3), leapt=True)
    formats = [one for one in shown.seen if isinstance(one, FormatChanged)]
    assert [one.format for one in formats] == [FORMAT, OTHER, OTHER]
    epochs = [one.epoch for one in formats]
    assert epochs == sorted(set(epochs))
    assert shown.epochs == 3
    assert shown.held() == 3


def test_privacy_is_told_once_a_run_and_nothing_of_it_is_left() -> None:
    shown = Shown()
    shown.sweep(FORMAT, *pictures(5))
    private = Choice("continuous", privacy=week(shown.clock, -1, 10))
    shown.intake.choose(private, (Cause.CONNECTING, ""))
    for _ in range(3):
        shown.live.hide_if_private()
    assert shown.held() == 0
    downs = [one.cause for one in shown.seen if isinstance(one, StreamDown)]
    assert downs == [None, Cause.PRIVACY]
    shown.live.begin()
    shown.live.hide_if_private()
    assert shown.seen[-1] == StreamDown(Cause.PRIVACY, None)
