"""How much goes on in each second of a stream, from the sizes of its coded pictures alone. Pure.

A picture that shows nothing new is small. How small depends on the camera, on how long ago the
last keyframe was, on noise and on the rate control: so each picture is held against what pictures
of its place in the group usually had in the last minutes, and each second against the quiet
seconds around it. The method and its limits stand in docs/activity.md.
"""

from __future__ import annotations

import math
from array import array
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.facts import Sample

ABOVE = 64
"""From this level on a second counts as activity, unless somebody asks otherwise."""

_PER_SPREAD = 20  # levels for each spread of the quiet seconds: ABOVE is three of them
_HIGHEST = 255
_SEGMENTS = 10  # whose pictures make the usual sizes: minutes
_AROUND = 90  # seconds on each side whose quiet part is the floor
_SLOPE_LEAST = 10  # seconds in each half of them, or the floor is taken for even
_KEPT = 120  # seconds of earlier segments kept for floor and spread
_FLOOR, _LOW = 0.35, 0.05  # quantiles of seconds: what counts as quiet, and its lower end
_NORMAL = 1.26  # standard deviations between them in a normal distribution
_RUN_MAX = 3  # seconds that are judged together
_RUN_LEAST = 1.15  # spreads above the floor that each of them must be
_SPREAD_MIN = 0.04  # log2 of bytes: 3 %; below it, differences are the encoder's whim
_USUAL = 0.4  # quantile of one segment's sizes
_SECONDS_MAX = 86_400
_FIELDS = 4


class Pictures:
    """What is kept of a segment's pictures while it is written: 32 bytes each."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._numbers = array("q", numbers)

    def __len__(self) -> int:
        return len(self._numbers) // _FIELDS

    def add(self, pictures: Iterable[tuple[int, int, int, bool]]) -> None:
        """The next in decode order: (duration, size, composition, key); ticks and bytes."""
        self._numbers.extend([number for picture in pictures for number in picture])

    def add_samples(self, samples: Iterable[Sample]) -> None:
        """The same from the samples themselves."""
        self._numbers.extend(
            [
                number
                for data, duration, composition, key in samples
                for number in (duration, len(data), composition, key)
            ]
        )

    def copy(self) -> Pictures:
        """The same pictures, to go on from."""
        return Pictures(self._numbers)

    def rows(self) -> Iterable[tuple[int, int, int, int]]:
        """(duration, size, composition, key) of each."""
        numbers = iter(self._numbers)
        return zip(numbers, numbers, numbers, numbers, strict=True)


@dataclass(frozen=True, slots=True)
class Levels:
    """A segment's activity: a level of 0..255 for each second from its start."""

    values: bytes

    @property
    def peak(self) -> int:
        return max(self.values, default=0)

    @property
    def total(self) -> int:
        return sum(self.values)


_Place = int
"""How long after the keyframe, and how far reordered, as one number."""

_Sized = tuple[int, _Place, int]
"""One picture: its second, its place in the group of pictures, its size. A plain tuple: there are
1,500 in a minute of each camera."""


class Meter:
    """Measures one stream's segments in their order; remembers the usual of the last minutes."""

    def __init__(self) -> None:
        self._usual: deque[dict[_Place, float]] = deque(maxlen=_SEGMENTS)
        self._ratios: deque[float] = deque(maxlen=_KEPT)

    def measure(self, pictures: Pictures, clock_rate: int) -> Levels:
        """The levels of a segment. `clock_rate`: ticks a second."""
        sized = _sized(pictures, clock_rate)
        if not sized:
            return Levels(b"")
        self._usual.append(_usual_of(sized))
        ratios = _ratios(sized, self._expected())
        before = list(self._ratios)
        known = before + [ratio for ratio in ratios if ratio is not None]
        self._ratios.extend(known[len(before) :])
        return Levels(_levels(ratios, before, known))

    def _expected(self) -> dict[_Place, float]:
        """Bytes a quiet picture has at each place: the middle of what the segments say."""
        said: dict[_Place, list[float]] = defaultdict(list)
        for usual in self._usual:
            for place, size in usual.items():
                said[place].append(size)
        return {place: _quantile(sizes, 0.5) for place, sizes in said.items()}


def _sized(pictures: Pictures, clock_rate: int) -> list[_Sized]:
    """Pictures that depend on others; of a stream that has only keyframes, those."""
    between: list[_Sized] = []
    keys: list[_Sized] = []
    time = age = 0
    for duration, size, composition, key in pictures.rows():
        second = time // clock_rate
        if second > _SECONDS_MAX:
            second = _SECONDS_MAX
        if duration > 0:
            time += duration
        if key:
            age = 0
            keys.append((second, 0, size or 1))
            continue
        age += 1
        place = _PLACES[age if age < _AGE_MAX else _AGE_MAX]
        if composition and duration > 0:
            place += max(-_REORDERED_MAX, min(_REORDERED_MAX, round(composition / duration)))
        between.append((second, place, size or 1))
    return between or keys


# Sizes change fast after a keyframe and slowly later: places are finer where it matters.
_AGE_MAX = 4_096
_REORDERED_MAX = 3
_PLACES = tuple(8 * round(4 * math.log2(max(1, age))) for age in range(_AGE_MAX + 1))


def _usual_of(sized: Sequence[_Sized]) -> dict[_Place, float]:
    found: dict[_Place, list[float]] = defaultdict(list)
    for _, place, size in sized:
        found[place].append(size)
    return {place: _quantile(sizes, _USUAL) for place, sizes in found.items()}


def _ratios(sized: Sequence[_Sized], expected: dict[_Place, float]) -> list[float | None]:
    """Per second log2 of its bytes over those of a quiet one; None without a picture."""
    seconds = sized[-1][0] + 1
    found, usual = [0] * seconds, [0.0] * seconds
    for second, place, size in sized:
        found[second] += size
        usual[second] += expected[place]
    return [
        math.log2(size / quiet) if size else None for size, quiet in zip(found, usual, strict=True)
    ]


def _levels(
    ratios: Sequence[float | None], before: Sequence[float], known: Sequence[float]
) -> bytes:
    """Each second against the quiet ones around it; `known`: `before` and the present's."""
    heights: list[float | None] = []
    lows: list[float] = []
    at = len(before)
    for ratio in ratios:
        if ratio is None:
            heights.append(None)
            continue
        around = _levelled(known, at)
        floor = _at(around, _FLOOR)
        lows.append(floor - _at(around, _LOW))
        heights.append(ratio - floor)
        at += 1
    spread = max(_SPREAD_MIN, _quantile(lows, 0.5) / _NORMAL) if lows else _SPREAD_MIN
    found = _with_runs([None if one is None else one / spread for one in heights])
    return bytes(min(_HIGHEST, max(0, round(one * _PER_SPREAD))) for one in found)


def _levelled(known: Sequence[float], at: int) -> list[float]:
    """The seconds around one, sorted, less the slope of their floor: noise that slowly grows or
    fades is no activity, though only what went before may be known."""
    first = max(0, at - _AROUND)
    around = known[first : at + _AROUND + 1]
    half = len(around) // 2
    if half < _SLOPE_LEAST:
        return sorted(around)
    rise = _quantile(around[half:], _FLOOR) - _quantile(around[:half], _FLOOR)
    slope = 2 * rise / len(around)
    base = slope * (first - at)
    return sorted([one - base - slope * index for index, one in enumerate(around)])


def _with_runs(heights: Sequence[float | None]) -> list[float]:
    """Spreads above the floor, where a run of seconds that all lie above it counts as one: what
    noise alone does is less likely by the root of its length."""
    found = [-math.inf if one is None else one for one in heights]
    alone = tuple(found)
    for length in range(2, _RUN_MAX + 1):
        root = math.sqrt(length)
        for start in range(len(alone) - length + 1):
            run = alone[start : start + length]
            if min(run) < _RUN_LEAST:
                continue
            together = sum(run) / root
            for second in range(start, start + length):
                found[second] = max(found[second], together)
    return [max(0.0, one) for one in found]


def _quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies; no interpolation."""
    return _at(sorted(values), share)


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
