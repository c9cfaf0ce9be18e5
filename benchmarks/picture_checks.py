"""Planted faults in stored pictures: what the health duty tells of them, and what looking costs."""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faulty import FaultyCamera, Kind, Spell, schedule
from benchmarks.processes import workplace
from benchmarks.report import Figure, Report
from benchmarks.stored import segment_files
from storage.facts import Fragment, RunFacts
from storage.recording import Store
from vms.app.custodian import Duty, health_duty
from vms.app.site import open_site
from vms.cameras.ailments import Ailment, Ailments
from vms.cameras.health.looks import Fault
from vms.core.clock import MINUTE, SECOND, FakeClock, Instant
from vms.core.config import Settings
from vms.core.media import StreamFormat
from vms.core.model import CameraId, StreamKey

SEEDS = 3
_FIRST, _SICK, _WELL = 30, 9, 6  # minutes: until the first fault, of each fault, between two
_EMPTY = 20  # minutes in which the duty has no camera yet
_BEGIN = Instant(1_763_800_000 * SECOND // MINUTE * MINUTE)
_UNIT = "% of a core"
_CHECKS = frozenset(fault.value for fault in Fault)


@dataclass(slots=True)
class _Outcome:
    """`planted`, `found`: spells by kind of light; `false`: what was told of no planted fault."""

    planted: Counter[Kind] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Cost:
    """Seconds of CPU: of a minute without a camera, then of each minute with all of them."""

    empty: float = 0.0
    minutes: list[float] = field(default_factory=list)

    def of(self, cameras: int, begin: int, end: int) -> float:
        """Of one camera and minute in [begin, end), beyond what the duty costs without any."""
        spent = sum(self.minutes[begin:end])
        return (spent / (end - begin) - self.empty) / cameras


def run(seeds: int = SEEDS) -> Report:
    """Store the pictures of an hour and a half, let the duty look at each minute's, compare."""
    spells = schedule(_FIRST, _SICK, _WELL)
    minutes = spells[-1].end + _WELL
    kinds: tuple[Kind, ...] = ("day", "night", "dusk")
    names = {f"{kind}-{seed}": kind for kind in kinds for seed in range(seeds)}
    with workplace() as folder:
        told, cost = _watched(folder, names, minutes, spells)
        peer, frames = _peer(folder / "video", list(names))
    outcome = _compared(told, names, spells)
    planted, found = outcome.planted.total(), outcome.found.total()
    healthy = len(names) * (minutes - len(spells) * _SICK)
    well, all_in_all = cost.of(len(names), 0, _FIRST), cost.of(len(names), 0, len(cost.minutes))
    return Report(
        name="picture_checks",
        title="Picture checks against planted faults",
        how=(
            f"{len(names)} cameras of 1080p, by day, by night and from day into night, {minutes} "
            "minutes each; every fault planted once for nine minutes, in files written by the "
            "recorder's storage and read, decoded and judged by the custodian's own duty. What "
            "that costs without any camera is told apart. Beside it ffmpeg's blackdetect and "
            "freezedetect on the same keyframes."
        ),
        figures=(
            Figure("planted faults told", 100 * found / planted, "%", 95, "at least", 1),
            Figure(
                "told without cause, of camera-minutes without a fault",
                100 * len(outcome.false) / healthy,
                "%",
                1.0,
            ),
            Figure("per camera, half an hour without a fault", _share(well), _UNIT, 0.02, digits=4),
            Figure("per camera, the whole time", _share(all_in_all), _UNIT, 0.02, digits=4),
            Figure("the duty without a camera", _share(cost.empty), _UNIT, digits=4),
            Figure("per camera and minute", 1_000 * all_in_all, "ms of CPU"),
            Figure("ffmpeg, per keyframe", 1_000 * peer / max(1, frames), "ms of CPU"),
        ),
        notes=(
            *(f"{kind}: {outcome.found[kind]} of {outcome.planted[kind]} told" for kind in kinds),
            *(f"missed: {one}" for one in outcome.missed),
            *(f"without cause: {one}" for one in outcome.false),
        ),
    )


def _share(cost: float) -> float:
    """Of a core, for seconds a minute."""
    return 100 * cost / 60


def _watched(
    folder: Path, names: dict[str, Kind], minutes: int, spells: Sequence[Spell]
) -> tuple[list[Ailment], _Cost]:
    """What was told, and what that cost."""
    settings = Settings.model_validate(
        {
            "file": folder / "cameras.toml",
            "system": {"data": folder / "data"},
            "volumes": [{"path": folder / "video", "reserve": 0}],
            "cameras": [{"id": name, "source": "rtsp://127.0.0.1/x"} for name in names],
        }
    )
    clock, cost = FakeClock(now=_BEGIN), _Cost()
    cameras = {
        name: FaultyCamera(kind, int(name[-1]) + 1, minutes, spells) for name, kind in names.items()
    }
    with Store(settings, clock, threads=False) as store, open_site(settings, clock) as site:
        store.recover([])
        duty = health_duty(site)
        cost.empty = sum(_minute_of(duty, store, clock) for _ in range(_EMPTY)) / _EMPTY
        begin = clock.now()
        site.registry.apply(settings.cameras)
        for minute in range(minutes + 2):  # the last pictures are looked at a minute later
            for name, camera in cameras.items() if minute < minutes else ():
                _store(store, clock.now(), name, camera, minute)
            cost.minutes.append(_minute_of(duty, store, clock))
        ailments = Ailments(site.engine)
        told = [one for name in names for one in ailments.of(name, begin)]
    return [one for one in told if one.check in _CHECKS], cost


def _minute_of(duty: Duty, store: Store, clock: FakeClock) -> float:
    """A minute of the duty; seconds of CPU."""
    spent, stop = 0.0, threading.Event()
    for _ in range(6):
        clock.advance(10 * SECOND)
        store.pump()  # it lives
        begin = time.process_time()
        duty.work(stop)
        spent += time.process_time() - begin
    return spent


def _store(store: Store, start: Instant, name: str, camera: FaultyCamera, minute: int) -> None:
    form, samples = camera.minute(minute)
    stream = StreamKey(CameraId(name), "main")
    segment = store.open_segment(stream, start, StreamFormat(form, None), RunFacts(1, start))
    segment.append(Fragment(samples, [], 0))
    segment.close(Instant(start + MINUTE))
    store.pump()


def _compared(told: Sequence[Ailment], names: dict[str, Kind], spells: Sequence[Spell]) -> _Outcome:
    outcome = _Outcome()
    for name, kind in names.items():
        mine = [one for one in told if one.camera == name]
        for spell in spells:
            outcome.planted[kind] += 1
            hits = [one for one in mine if _meets(one, spell)]
            outcome.found[kind] += bool(hits)
            if not hits:
                outcome.missed.append(f"{spell.fault} of {name}")
        for one in mine:
            if not any(_meets(one, spell) for spell in spells):
                outcome.false.append(f"{one.check} of {name} in minute {_minute(one.start)}")
    return outcome


def _meets(one: Ailment, spell: Spell) -> bool:
    """Told as what it is, within its time; a picture is looked at up to two minutes later."""
    return one.check == spell.fault.value and spell.start <= _minute(one.start) <= spell.end + 2


def _minute(at: Instant) -> int:
    return (at - _BEGIN) // MINUTE - _EMPTY


def _peer(volume: Path, names: Sequence[str]) -> tuple[float, int]:
    """Seconds of CPU that ffmpeg takes for the keyframes of all cameras, and how many these are."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    frames = 0
    for name in names:
        files = segment_files(volume, name)
        frames += len(files)
        listed = volume / "list.txt"
        listed.write_text("".join(f"file '{file}'\n" for file in files))
        filters = "scale=640:360,blackdetect=d=0,freezedetect=d=0"
        command = ["ffmpeg", "-v", "error", "-threads", "1", "-skip_frame", "nokey"]
        command += ["-f", "concat", "-safe", "0", "-i", str(listed)]
        command += ["-vf", filters, "-f", "null", "-"]
        subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, frames
