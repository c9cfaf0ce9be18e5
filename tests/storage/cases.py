"""Crash points counted, and what broke at which: told when a test ends, and when the run does."""

from __future__ import annotations

import contextlib
import errno
import gc
import random
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import pytest

from tests.storage.sim_disk import Fault, SimDisk

PROPERTY = "crash machine"
_SHOWN = 5  # broken cases that one test tells of; the others are counted


class Cases:
    """The crash points that one test goes through. `told`: the test's properties in the report;
    `part`: which of them, "day" or "night"; None: all."""

    def __init__(self, told: list[tuple[str, Any]], part: str | None = None) -> None:
        self._told, self._part = told, part
        self._broken: list[str] = []

    def points(self, operations: int, turn: int) -> list[int]:
        """At which operations this test stops, of 1 to `operations`. By day every fourth; faults of
        another `turn` (0 to 3) stop at others, so that each is stopped at in some way."""
        every, wanted = range(1, operations + 1), self._part == "day"
        return [at for at in every if self._part is None or ((at + turn) % 4 == 0) == wanted]

    @contextlib.contextmanager
    def case(self, scenario: str, name: str, disk: SimDisk | None = None) -> Iterator[None]:
        """One crash point; what fails in it is kept with its name, and the next one follows."""
        before = len(self._broken)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever breaks is told with its crash point
            operation = f" ({disk.log[-1]})" if disk is not None and disk.log else ""
            self._broken.append(f"{scenario}, {name}{operation}: {type(error).__name__}: {error}")
        self.count(scenario, 1, len(self._broken) - before)

    def count(self, scenario: str, cases: int, broken: int = 0) -> None:
        """Cases that were gone through elsewhere."""
        self._told.append((PROPERTY, [scenario, cases, broken]))

    def all_held(self) -> None:
        """Fail, naming the crash points that broke something."""
        shown = "\n".join(self._broken[:_SHOWN])
        assert not self._broken, f"{len(self._broken)} crash points broke something:\n{shown}"


def summary(properties: list[tuple[str, Any]]) -> str | None:
    """The line at the end of a run; None: no crash point was gone through."""
    told = [value for name, value in properties if name == PROPERTY]
    if not told:
        return None
    scenarios: dict[str, int] = {}
    for scenario, cases, _ in told:
        scenarios[scenario] = scenarios.get(scenario, 0) + cases
    listed = ", ".join(f"{name} {cases:,}" for name, cases in sorted(scenarios.items()))
    broken = sum(one[2] for one in told)
    return f"crash machine: {sum(scenarios.values()):,} cases over {listed}; {broken} broken"


class Trial(Protocol):
    """A scenario on a failing disk. `run`: False if the machine stopped on the way."""

    @property
    def disk(self) -> SimDisk: ...
    def run(self) -> bool: ...


_T = TypeVar("_T", bound=Trial)
_Test = TypeVar("_Test", bound=Callable[..., None])
_long = pytest.mark.timeout(600)


def in_parts(test: _Test) -> _Test:
    """Run a test for every fourth of its points, and by `make nightly` for the others."""
    parts = ["day", pytest.param("night", marks=pytest.mark.nightly)]
    return _long(pytest.mark.parametrize("cases", parts, indirect=True)(test))


def every_stop(test: _Test) -> _Test:
    """Run a test for each way to stop: `fault`, and whether with a cut of `power`."""
    cut = pytest.mark.parametrize("power", [False, True], ids=["killed", "power-cut"])
    return in_parts(cut(pytest.mark.parametrize("fault", ["stop", "tear"])(test)))


def every_refusal(test: _Test) -> _Test:
    """Run a test for each way to refuse: the errno `code`, `stubborn` (1) or once (0)."""
    codes = pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
    return in_parts(pytest.mark.parametrize("stubborn", [0, 1], ids=["once", "on"])(codes(test)))


def stopped_everywhere(
    cases: Cases,
    scenario: str,
    operations: int,
    make: Callable[..., _T],
    after: Callable[[_T], None],
    what: tuple[Fault, bool],
) -> None:
    """Stop `make(at, fault)` at each operation, by a kill or a power cut; `after` starts again
    and asserts."""
    fault, power = what
    with _quick_collections():
        for at in cases.points(operations, 2 * power + (fault == "tear")):
            trial = make(at, fault)
            name = f"{'power cut' if power else 'killed'} ({fault}) at {at}"
            with cases.case(scenario, name, trial.disk):
                assert not trial.run()
                if power:
                    trial.disk.cut_power(random.Random(at))
                after(trial)
    cases.all_held()


def refused_everywhere(
    cases: Cases,
    scenario: str,
    operations: int,
    make: Callable[..., _T],
    after: Callable[[_T], None],
    what: tuple[int, int],
) -> None:
    """Refuse each operation of `make(at, "refuse", …)` with an errno, once or from then on."""
    code, stubborn = what
    with _quick_collections():
        for at in cases.points(operations, 2 * stubborn + (code == errno.EIO)):
            trial = make(at, "refuse", errno=code, stubborn=stubborn)
            name = f"{errno.errorcode[code]} {'from' if stubborn else 'once at'} {at}"
            with cases.case(scenario, name, trial.disk):
                assert trial.run()
                after(trial)
    cases.all_held()


@contextlib.contextmanager
def _quick_collections() -> Iterator[None]:
    """What stands already is not looked through by the many collections of the cases."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
