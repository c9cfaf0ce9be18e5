"""Patrols: a camera goes from preset to preset while nobody steers it. Pure.

When a person steers, the patrol waits; after `rest` without a command it goes on with the next
preset.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vms.core.clock import SECOND, Mono, Span
from vms.core.errors import BadRequest

STEPS_MAX = 64
SECONDS_MIN, SECONDS_MAX = 5, 3_600


@dataclass(frozen=True, slots=True)
class Step:
    """Stay at a preset for some seconds, counted from when the camera is sent there."""

    preset: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Patrol:
    """Where a camera goes, in turn. `running`: as far as people let it."""

    steps: tuple[Step, ...]
    running: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """`index`: the step that comes next; `due`: when."""

    index: int
    due: Mono


BEGINNING = Progress(0, Mono(0))


def check_patrol(patrol: Patrol) -> None:
    """Raise BadRequest for one that can't be gone."""
    if not 2 <= len(patrol.steps) <= STEPS_MAX:
        raise BadRequest(f"a patrol has 2 to {STEPS_MAX} presets")
    for step in patrol.steps:
        if not SECONDS_MIN <= step.seconds <= SECONDS_MAX:
            raise BadRequest(f"at each preset it stays {SECONDS_MIN} to {SECONDS_MAX} seconds")


def next_step(
    patrol: Patrol, progress: Progress, steered: Mono | None, now: Mono, rest: Span
) -> tuple[Step | None, Progress]:
    """Where to go now, if anywhere, and how far the patrol then is.

    `steered`: when a person last commanded the camera.
    """
    if not patrol.running or now < progress.due:
        return None, progress
    if steered is not None and now - steered < rest:
        return None, replace(progress, due=Mono(steered + rest))
    index = progress.index % len(patrol.steps)
    step = patrol.steps[index]
    return step, Progress(index + 1, Mono(now + step.seconds * SECOND))
