"""Which cameras are looked at seldom because the machine can't bear more. Pure.

What a camera costs is the share of a second that its pictures take, measured while all of them are
decoded. When the sum is over what may be spent, the costliest are looked at by their keyframes
only, which cost next to nothing, until the rest fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

BUDGET = 0.6
"""Of one core, for all cameras of a site. The measure is of real time: on a machine that is busy
with recording, pictures take longer and less is done."""

_ROOM = 0.8  # of the budget, before a camera is looked at often again
_KEYFRAME = 0.1  # what is left of the cost of a camera that is looked at seldom


def seldom(
    costs: Mapping[str, float], before: Set[str] = frozenset(), budget: float = BUDGET
) -> frozenset[str]:
    """The cameras to look at by keyframes only. `before`: those that are so now."""
    chosen = _fitting(costs, budget)
    if chosen >= before:
        return chosen
    # Some might be looked at often again: only if there is room for that.
    return chosen | (_fitting(costs, budget * _ROOM) & before)


def _fitting(costs: Mapping[str, float], budget: float) -> frozenset[str]:
    total, chosen = sum(costs.values()), set[str]()
    for camera in sorted(costs, key=lambda name: (-costs[name], name)):
        if total <= budget:
            break
        total -= costs[camera] * (1 - _KEYFRAME)
        chosen.add(camera)
    return frozenset(chosen)
