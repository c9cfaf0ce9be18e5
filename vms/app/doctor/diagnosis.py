"""What was measured of a machine as sentences, each with its remedy where it is not well. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vms.core.clock import MILLISECOND, SECOND, Span
from vms.core.config import CAMERAS_PER_WORKER

CAMERA_BYTES = 500_000
"""Bytes a second of the camera that capacities are told in: 4 Mbit/s."""

_SPARE = 2.0  # how much faster than its cameras a disk must be, for reading and for bad days
_SYNC_SLOW = Span(500 * MILLISECOND)
_CLOCK_BOUND = Span(SECOND)
_FILES_BASE, _FILES_PER_CAMERA = 256, 12  # sockets of two streams, part files, readers of both
# Two streams, each with a receive buffer at twice its size, a ring, and the writer's share.
_NAMED = 10  # cameras in one sentence
_MEMORY_BASE, _MEMORY_PER_CAMERA = 512_000_000, 6_000_000


class Level(StrEnum):
    """`warn`: it works, and something is at risk; `fail`: it does not or will not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One check of the machine. What is not ok has a remedy; without one it can't be made."""

    check: str
    level: Level
    sentence: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.level is not Level.OK and not self.remedy:
            raise ValueError(f"{self.check} is not ok and nobody is told what to do about it")

    def as_json(self) -> dict[str, str]:
        """The contract of `vms doctor --json`."""
        return {
            "check": self.check,
            "level": self.level.value,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }


def well(check: str, sentence: str) -> Diagnosis:
    """It is as it should be."""
    return Diagnosis(check, Level.OK, sentence)


def risk(check: str, sentence: str, remedy: str) -> Diagnosis:
    """It works; something is at risk."""
    return Diagnosis(check, Level.WARN, sentence, remedy)


def failed(check: str, sentence: str, remedy: str) -> Diagnosis:
    """It does not work, or not for what is asked of it."""
    return Diagnosis(check, Level.FAIL, sentence, remedy)


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    """`rate`: bytes a second, written in large pieces and synced; `slowest`: one such piece."""

    rate: float
    slowest: Span

    @property
    def cameras(self) -> int:
        """How many cameras of 4 Mbit/s it carries, with room to spare."""
        return int(self.rate / _SPARE / CAMERA_BYTES)


def clock(synchronised: bool, error: Span | None) -> Diagnosis:
    """Whether somebody keeps this machine's clock."""
    keep = "run a time daemon (chrony or systemd-timesyncd) against two servers or more"
    if not synchronised or error is None:
        return risk("clock", "nothing keeps this machine's clock: times can't be proven", keep)
    bound = f"{error / MILLISECOND:.1f} ms"
    if error > _CLOCK_BOUND:
        return risk("clock", f"the clock is kept, but only to {bound}", keep)
    return well("clock", f"the clock is kept to {bound}")


def disk(name: str, speed: DiskSpeed, cameras: int) -> Diagnosis:
    """`cameras`: how many write to this volume."""
    check = f"speed of {name}"
    megabytes = speed.rate / 1e6
    said = f"{megabytes:.0f} MB/s beside what runs now: {speed.cameras} cameras of 4 Mbit/s"
    if speed.rate < cameras * CAMERA_BYTES:
        remedy = "take a faster disk, another volume, or fewer cameras"
        return failed(check, f"{said}; {cameras} write to it", remedy)
    if speed.cameras < cameras:
        remedy = "plan for a faster disk or another volume; nothing is lost yet"
        return risk(check, f"{said}; {cameras} write to it", remedy)
    if speed.slowest > _SYNC_SLOW:
        remedy = "look for a failing disk (smartctl) or another program that fills it"
        slow = f"{speed.slowest / MILLISECOND:.0f} ms"
        return risk(check, f"{said}, but a write took {slow}", remedy)
    return well(check, said)


def room(name: str, free: int, total: int, reserve: int) -> Diagnosis:
    """Free space against what is to stay free."""
    check = f"room of {name}"
    said = f"{free / 1e9:.1f} GB of {total / 1e9:.1f} GB are free, {reserve / 1e9:.1f} are reserved"
    if reserve >= total:
        return failed(check, said, "set a reserve that is smaller than the volume")
    if free < reserve / 2:
        remedy = "see what fills it beside the footage; the cleaner makes room for footage only"
        return risk(check, said, remedy)
    return well(check, said)


def open_files(limit: int, cameras: int) -> Diagnosis:
    """The limit of open files of one process against what so many cameras need."""
    wanted = _FILES_BASE + _FILES_PER_CAMERA * cameras
    said = f"{limit} files may be open, {cameras} cameras need {wanted}"
    if limit < wanted:
        remedy = f"raise it: ulimit -n {2 * wanted}, or LimitNOFILE={2 * wanted} in the unit"
        return failed("open files", said, remedy)
    return well("open files", said)


def receive_buffer(given: int, wanted: int, tuned: int) -> Diagnosis:
    """What a socket gets that asks for `wanted`; `tuned`: how far the kernel goes by itself."""
    said = f"a camera's socket holds {given // 1024} KB, {wanted // 1024} are wanted"
    if given >= wanted:
        return well("network buffers", said)
    if tuned >= wanted:
        said = f"the kernel's own tuning goes up to {tuned // 1024} KB, {wanted // 1024} are wanted"
        return well("network buffers", said)
    return risk("network buffers", said, f"sysctl -w net.core.rmem_max={wanted}, and in sysctl.d")


def memory(available: int, total: int, cameras: int, pre_roll: int) -> Diagnosis:
    """`pre_roll`: bytes kept in memory for cameras that record by events."""
    wanted = _MEMORY_BASE + _MEMORY_PER_CAMERA * cameras + pre_roll
    said = (
        f"{total / 1e9:.1f} GB of memory, {available / 1e9:.1f} available; "
        f"{cameras} cameras need about {wanted / 1e9:.1f}"
    )
    if total < wanted:
        return failed("memory", said, "add memory, or lower recorder.pre_roll_memory")
    if available < wanted / 4:
        return risk(
            "memory", said, "see what else takes it (top); the kernel may kill the recorder"
        )
    return well("memory", said)


def cameras_heard(unheard: Sequence[str]) -> Diagnosis:
    """`unheard`: cameras whose own events are not heard."""
    if not unheard:
        return well("cameras' events", "all that are listened to are heard")
    named = ", ".join(unheard[:_NAMED]) + (" …" if len(unheard) > _NAMED else "")
    text = f"the events of {len(unheard)} cameras are not heard: {named}"
    remedy = "see why on the camera's page, or: vms cameras test ID"
    return risk("cameras' events", text, remedy)


def cores(count: int, cameras: int) -> Diagnosis:
    """Processors against cameras."""
    said = f"{count} cores for {cameras} cameras"
    if cameras > count * CAMERAS_PER_WORKER:
        remedy = f"plan a core for each {CAMERAS_PER_WORKER} cameras, or a second machine"
        return risk("cores", said, remedy)
    return well("cores", said)
