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
from vms.app.custodian import health_duty
from vms.app.site import open_site
from vms.cameras.ailments import Ailment, Ailments
from vms.cameras.health.looks import Fault
from vms.core.clock import MINUTE, SECOND, FakeClock, Instant
from vms.core.config import Settings
from vms.core.media import StreamFormat
from vms.core.model import CameraId, StreamKey

SEEDS = 3
_FIRST, _SICK, _WELL = 14, 9, 6  # minutes: until the first fault, of each fault, between two
_BEGIN = Instant(1_763_800_000 * SECOND // MINUTE * MINUTE)
_CHECKS = frozenset(fault.value for fault in Fault)


@dataclass(slots=True)
class _Outcome:
    """`planted`, `found`: spells by kind of light; `false`: what was told of no planted fault."""

    planted: Counter[Kind] = field(default_factory=Counter)
    found: Counter[Kind] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)


def run(seeds: int = SEEDS) -> Report:
    """Store the pictures of an hour and a half, let the duty look at each minute's, compare."""
    spells = schedule(_FIRST, _SICK, _WELL)
    minutes = spells[-1].end + _WELL
    kinds: tuple[Kind, ...] = ("day", "night", "dusk")
    names = {f"{kind}-{seed}": kind for kind in kinds for seed in range(seeds)}
    with workplace() as folder:
        told, cost, looks = _watched(folder, names, minutes, spells)
        peer, frames = _peer(folder / "video", list(names))
    outcome = _compared(told, names, spells)
    planted, found = outcome.planted.total(), outcome.found.total()
    healthy = len(names) * (minutes - len(spells) * _SICK)
    share = 100 * cost / (len(names) * minutes * 60)
    return Report(
        name="picture_checks",
        title="Picture checks against planted faults",
        how=(
            f"{len(names)} cameras of 1080p, by day, by night and from day into night, {minutes} "
            "minutes each; every fault planted once for nine minutes, in files written by the "
            "recorder's storage and read, decoded and judged by the custodian's own duty. Beside "
            "it ffmpeg's blackdetect and freezedetect on the same keyframes."
        ),
        figures=(
            Figure("planted faults told", 100 * found / planted, "%", 95, "at least", 1),
            Figure(
                "told without cause, of camera-minutes without a fault",
                100 * len(outcome.false) / healthy,
                "%",
                1.0,
            ),
            Figure("whole duty, per camera", share, "% of a core", 0.02, digits=4),
            Figure("a look, with everything around it", 1_000 * cost / looks, "ms of CPU"),
            Figure("ffmpeg, per keyframe", 1_000 * peer / max(1, frames), "ms of CPU"),
        ),
        notes=(
            *(f"{kind}: {outcome.found[kind]} of {outcome.planted[kind]} told" for kind in kinds),
            *(f"missed: {one}" for one in outcome.missed),
            *(f"without cause: {one}" for one in outcome.false),
        ),
    )


def _watched(
    folder: Path, names: dict[str, Kind], minutes: int, spells: Sequence[Spell]
) -> tuple[list[Ailment], float, int]:
    """What was told; seconds of CPU for it; how many pictures were looked at."""
    settings = Settings.model_validate(
        {
            "file": folder / "cameras.toml",
            "system": {"data": folder / "data"},
            "volumes": [{"path": folder / "video", "reserve": 0}],
            "cameras": [{"id": name, "source": "rtsp://127.0.0.1/x"} for name in names],
        }
    )
    clock, stop, cost = FakeClock(now=_BEGIN), threading.Event(), 0.0
    cameras = {
        name: FaultyCamera(kind, int(name[-1]) + 1, minutes, spells) for name, kind in names.items()
    }
    with Store(settings, clock, threads=False) as store, open_site(settings, clock) as site:
        store.recover([])
        site.registry.apply(settings.cameras)
        duty = health_duty(site)
        for minute in range(minutes + 2):  # the last pictures are looked at a minute later
            for name, camera in cameras.items() if minute < minutes else ():
                _store(store, clock.now(), name, camera, minute)
            for _ in range(6):
                clock.advance(10 * SECOND)
                store.pump()  # it lives
                begin = time.process_time()
                duty.work(stop)
                cost += time.process_time() - begin
        ailments = Ailments(site.engine)
        told = [one for name in names for one in ailments.of(name, _BEGIN)]
    return [one for one in told if one.check in _CHECKS], cost, len(names) * minutes


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
    return (at - _BEGIN) // MINUTE


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
