"""Planted motion found from picture sizes, per second, and what finding it costs the recorder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.planted import Filmed, Light, Plan, Rate, film
from benchmarks.report import Figure, Report
from storage.activity.meter import ABOVE, Meter, Pictures
from storage.facts import Sample

_QUANTILE = 0.97
_AROUND = 45  # seconds on each side that somebody who knows the quiet ones takes as the floor
_TICKS = 90_000
_SEGMENT = 60  # seconds
_HARD = (
    Plan("night", "CBR", qp_min=0, seed=5),
    Plan("night", "VBR", qp_min=0),
    Plan("night", "VBR", 1920, 1080, fps=10, seconds=240, seed=4, qp_min=0),
)
"""Control without a lowest QP: under CBR every bit that motion needs is taken from the noise's;
under VBR x264 codes the noise of dark, even ground finer than anything else."""


@dataclass(slots=True)
class _Score:
    """Seconds: found and planted, found though nothing moved, planted at all."""

    right: int = 0
    wrong: int = 0
    planted: int = 0

    def add(self, other: _Score) -> None:
        self.right += other.right
        self.wrong += other.wrong
        self.planted += other.planted

    @property
    def recall(self) -> float:
        return 100 * self.right / max(1, self.planted)

    @property
    def precision(self) -> float:
        return 100 * self.right / max(1, self.right + self.wrong)


def plans() -> list[Plan]:
    """Day and night, both rate controls, both sizes; long groups and B-frames as well."""
    found: list[Plan] = []
    lights: tuple[Light, ...] = ("day", "night")
    rates: tuple[Rate, ...] = ("CBR", "VBR")
    for light in lights:
        for rate in rates:
            found.append(Plan(light, rate))
            found.append(Plan(light, rate, 1920, 1080, fps=10, seconds=240, seed=4))
    found.append(Plan("day", "VBR", seed=2, gop=10))
    found.append(Plan("day", "CBR", seed=3, gop=1, bframes=2))
    return found


def run() -> Report:
    """Film each plan, measure its sizes as the recorder does, compare with what was planted."""
    totals: dict[Light, _Score] = {"day": _Score(), "night": _Score()}
    whole = _Score()
    notes = []
    for plan in plans():
        filmed = film(plan)
        score = _scored(filmed)
        totals[plan.light].add(score)
        whole.add(score)
        notes.append(_told(filmed, score))
    for plan in _HARD:
        filmed = film(plan)
        notes.append(_told(filmed, _scored(filmed)) + " (no lowest QP; not counted)")
    figures = [
        Figure("recall per second, all scenes", whole.recall, "%", 95, "at least"),
        Figure("precision per second, all scenes", whole.precision, "%", 90, "at least"),
    ]
    for light, score in totals.items():
        figures.append(Figure(f"recall per second, {light}", score.recall, "%"))
        figures.append(Figure(f"precision per second, {light}", score.precision, "%"))
    figures.append(
        Figure("cost of a camera of 25 pictures a second", _cost(), "% of a core", 0.01, digits=4)
    )
    return Report(
        name="activity",
        title="Activity from picture sizes",
        how=(
            "A street with sensor noise, filmed in memory and coded with x264; things of 8, 15 and "
            f"30 % of the picture's height walk through it. A second counts from level {ABOVE} on."
        ),
        figures=tuple(figures),
        notes=tuple(notes),
    )


def _told(filmed: Filmed, score: _Score) -> str:
    plan = filmed.plan
    return (
        f"{plan.name}, keyframe each {plan.gop} s, {plan.bframes} B-frames: "
        f"recall {score.recall:.0f} %, precision {score.precision:.0f} %; "
        f"who knew the quiet seconds: recall {_ceiling(filmed):.0f} %"
    )


def _ceiling(filmed: Filmed) -> float:
    """Recall in % that sizes allow at all: of somebody who is told which seconds are quiet.

    They know what quiet pictures of each place in the group have, take the quiet seconds around
    as the floor, and set the level so that 3 % of all quiet seconds lie above it.
    """
    plan, group = filmed.plan, filmed.plan.fps * filmed.plan.gop
    groups = len(filmed.pictures) // group
    sizes = np.array([one.size for one in filmed.pictures[: groups * group]], np.float64)
    moving = np.array([bool(one) for one in filmed.moving[: groups * plan.gop]])
    quiet = np.array([one is False for one in filmed.moving[: groups * plan.gop]])
    kept = np.where(np.repeat(quiet, plan.fps), sizes, np.nan)
    usual = np.tile(np.nanmedian(kept.reshape(groups, group), axis=0), groups)
    sizes[::group] = usual[::group] = 0  # keyframes tell of the whole picture
    seconds = (-1, plan.fps)
    ratios = np.log2(sizes.reshape(seconds).sum(1) / usual.reshape(seconds).sum(1))
    above = np.zeros_like(ratios)
    for second in range(len(ratios)):
        around = slice(max(0, second - _AROUND), second + _AROUND + 1)
        above[second] = ratios[second] - np.median(ratios[around][quiet[around]])
    limit = np.quantile(above[quiet], _QUANTILE)
    return float(100 * (above[moving] > limit).mean())


def _scored(filmed: Filmed) -> _Score:
    meter, levels = Meter(), bytearray()
    for pictures in _segments(filmed):
        levels += meter.measure(pictures, _TICKS).values
    score = _Score()
    for level, moves in zip(levels, filmed.moving, strict=False):
        if moves is None:
            continue
        score.planted += moves
        score.right += moves and level >= ABOVE
        score.wrong += not moves and level >= ABOVE
    return score


def _segments(filmed: Filmed) -> Iterator[Pictures]:
    """A scene's pictures cut at the first keyframe after a minute."""
    ticks = _TICKS // filmed.plan.fps
    pictures = Pictures()
    for one in filmed.pictures:
        if one.key and len(pictures) >= _SEGMENT * filmed.plan.fps:
            yield pictures
            pictures = Pictures()
        pictures.add([(ticks, one.size, one.composition * ticks, one.key)])
    yield pictures


def _cost(minutes: int = 20, fps: int = 25) -> float:
    """CPU of collecting and measuring, in % of a core."""
    sizes = [bytes(1_000 + number * 7 % 300) for number in range(fps)]
    fragment = [Sample(data, _TICKS // fps, 0, not number) for number, data in enumerate(sizes)]
    meter = Meter()
    began = time.process_time()
    for _ in range(minutes):
        pictures = Pictures()
        for _ in range(_SEGMENT):
            pictures.add_samples(fragment)
        meter.measure(pictures, _TICKS)
    return 100 * (time.process_time() - began) / (minutes * _SEGMENT)
