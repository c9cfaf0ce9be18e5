"""Pre-roll over many events: as long as promised, from a keyframe on, each picture once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import VMS, quantile, running, wait_until, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import load_name, simulator, write_settings
from benchmarks.stored import coded_units
from vms.app.site import open_site
from vms.core.clock import MILLISECOND, SECOND, Instant, SystemClock
from vms.core.model import CameraId, Cause
from vms.core.status import read_statuses
from vms.simulator.audit import audit_units, stamps
from vms.simulator.nal import is_keyframe, split_lengths
from vms.simulator.sei import Stamp

CAMERAS, ROUNDS = 20, 8
PRE_ROLL, POST_ROLL = 5, 1
_EACH = 20.0  # seconds between the events of a camera: more than a stretch lasts


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the events of one camera. `rolls`: ns from the stretch's first picture to each
    event; `keyless`: files that begin with anything but a keyframe; `twice`: pictures too many."""

    rolls: tuple[int, ...]
    keyless: int
    twice: int
    disordered: int


def run() -> Report:
    """Tell of events at cameras that are recorded by events, then read what was stored."""
    names = [load_name(number) for number in range(CAMERAS)]
    with workplace() as folder, simulator(folder, "--load", str(CAMERAS)) as served:
        config = _settings(folder, {name: served.url(name) for name in names})
        with running((*VMS, "recorder", "--config", str(config)), log=folder / "recorder.log"):
            _wait_waiting(config, names)
            time.sleep(PRE_ROLL + 5)
            told = _tell(config, names)
            _wait_waiting(config, names)
        found = [_found(folder / "video", name, told[name]) for name in names]
    rolls = [roll / SECOND for one in found for roll in one.rolls]
    short = sum(roll < PRE_ROLL for roll in rolls)
    return Report(
        name="preroll",
        title="Pre-roll",
        how=(
            f"{CAMERAS} load cameras (1080p25, 4 Mbit/s, a keyframe each 2 s), recorded by events "
            f"with {PRE_ROLL} s of pre-roll; {len(rolls)} events, told through the event store at "
            "odd moments. The stored pictures carry number and time of capture."
        ),
        figures=(
            Figure("events", len(rolls), "", CAMERAS * ROUNDS, "at least", digits=0),
            Figure("events with less than promised", short, "", 0, digits=0),
            Figure("shortest pre-roll", min(rolls), "s", PRE_ROLL, "at least"),
            Figure("median pre-roll", quantile(rolls, 0.5), "s"),
            Figure(
                "files without a keyframe first",
                sum(f.keyless for f in found),
                "",
                0,
                digits=0,
            ),
            Figure("pictures stored twice", sum(f.twice for f in found), "", 0, digits=0),
            Figure("pictures out of order", sum(f.disordered for f in found), "", 0, digits=0),
        ),
    )


def _settings(folder: Path, urls: dict[str, str]) -> Path:
    config = write_settings(folder, {})
    tables = [
        f'[[cameras]]\nid = "{name}"\nsource = "{url}"\nrecord = "events"\n'
        f'pre_roll = "{PRE_ROLL} s"\npost_roll = "{POST_ROLL} s"\n'
        for name, url in urls.items()
    ]
    config.write_text(config.read_text() + "\n".join(tables))
    return config


def _wait_waiting(config: Path, names: Sequence[str]) -> None:
    """Until every camera is connected and waits for an event."""

    def look() -> bool:
        found = read_statuses(config.parent / "data" / "run", SystemClock().now())
        waits = [key.camera for key, one in found.items() if one.cause is Cause.NO_EVENT]
        return set(names) <= set(waits)

    wait_until(look, 90, "all cameras waiting for events")


def _tell(config: Path, names: Sequence[str]) -> dict[str, list[Instant]]:
    """Events of all cameras, one camera after the other, round by round."""
    told: dict[str, list[Instant]] = {name: [] for name in names}
    with open_site(config) as site:
        begin = time.monotonic()
        for number in range(ROUNDS * len(names)):
            due = begin + number * _EACH / len(names)
            time.sleep(max(0.0, due - time.monotonic()))
            name = names[number % len(names)]
            event = site.events.add(CameraId(name), "motion", detail=f"round {number}")
            told[name].append(event.start)
    return told


def _found(volume: Path, name: str, told: Sequence[Instant]) -> Found:
    files = sorted(file for file in volume.rglob("*.mp4") if name in file.parts)
    report = audit_units(coded_units(files))
    pictures = [one for one in stamps(coded_units(files)) if one is not None]
    firsts = [next(iter(coded_units([file]))) for file in files]
    keyless = sum(not is_keyframe("h264", list(split_lengths(first))) for first in firsts)
    rolls = tuple(_roll(pictures, at) for at in told)
    return Found(rolls, keyless, report.duplicated, report.out_of_order)


def _roll(pictures: Sequence[Stamp], at: Instant) -> int:
    """Nanoseconds from the first picture of the unbroken row that leads to `at`; 0 if none does."""
    last = max((n for n, one in enumerate(pictures) if one.time <= at), default=None)
    if last is None or at - pictures[last].time > 200 * MILLISECOND:
        return 0
    first = last
    while first and pictures[first].counter - pictures[first - 1].counter == 1:
        first -= 1
    return at - pictures[first].time
