"""What is stored and how it is, for screens, metrics and the command line. Reads only.

Each call blocks for database and disk; none of them fails because one volume does not answer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from storage.findings import Findings, KeptFinding
from storage.ledger.note import BadNote, Checkpoint
from storage.listing import KnownVolume, Listing
from storage.scrub import Scrub, ScrubState
from storage.volume import find_volume
from vms.core.clock import Clock
from vms.core.config import Settings
from vms.core.config_storage import VolumeSettings
from vms.core.errors import StorageError
from vms.core.status import VolumeStatus, read_workers

if TYPE_CHECKING:
    from sqlalchemy import Engine

VolumeState = Literal["good", "full", "failed", "missing", "foreign"]
_BADNESS: dict[str, int] = {"good": 0, "full": 1, "failed": 2, "foreign": 3, "missing": 4}


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """A volume as it is now; sizes in bytes.

    `uuid`: None before its first use; `used`: by footage; `total`, `free`: None when unknown.
    """

    uuid: str | None
    path: str
    total: int | None
    free: int | None
    used: int
    reserve: int
    quota: int | None
    state: VolumeState
    detail: str = ""


class Head(Protocol):
    """The ledger, as far as its head is told. Raises StorageError."""

    def last_checkpoint(self) -> tuple[Checkpoint, str] | None: ...


class Overview:
    """The archive at a glance. `settings`: of the site; `ledger`: None where there is none yet."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Clock, ledger: Head | None = None
    ) -> None:
        self._settings, self._ledger = settings.volumes, ledger
        self._clock, self._run_dir = clock, settings.run_dir
        self._listing, self._findings = Listing(engine), Findings(engine, clock)
        self._scrub = Scrub(engine, settings, clock)

    def volumes(self) -> list[VolumeFacts]:
        """Those of the settings, in their order: as they look, and as the recorder finds them.

        Whether a disk still takes a write, only who writes can say.
        """
        known = self._listing.volumes()
        told = self._told()
        return [_worse(volume_facts(one, known), told.get(str(one.path))) for one in self._settings]

    def _told(self) -> dict[str, VolumeStatus]:
        """For each path the worst that a running worker says of it."""
        worst: dict[str, VolumeStatus] = {}
        for worker in read_workers(self._run_dir, self._clock.now()):
            for told in worker.volumes:
                known = worst.get(told.path)
                if known is None or _BADNESS[told.state] > _BADNESS[known.state]:
                    worst[told.path] = told
        return worst

    def findings(self) -> list[KeptFinding]:
        """What is not well, the longest first."""
        return self._findings.open()

    def scrub(self) -> ScrubState:
        """How far reading everything again has come."""
        return self._scrub.state()

    def head(self) -> tuple[Checkpoint, str] | None:
        """The ledger's newest checkpoint and its note; None before the first, or if unreadable."""
        try:
            return None if self._ledger is None else self._ledger.last_checkpoint()
        except (StorageError, BadNote):  # told by who signs, and by `vms verify`
            return None

    def counts(self) -> dict[str, int]:
        """Open findings by kind, for metrics."""
        return self._findings.counts()


def _worse(facts: VolumeFacts, told: VolumeStatus | None) -> VolumeFacts:
    if told is None or _BADNESS[told.state] <= _BADNESS[facts.state]:
        return facts
    return replace(facts, state=cast("VolumeState", told.state), detail=told.detail)


def volume_facts(settings: VolumeSettings, known: Sequence[KnownVolume]) -> VolumeFacts:
    """How a volume is, by asking it and by what the index knows of it."""
    path = settings.path
    uuid = find_volume(path)
    here = next((one for one in known if one.path == str(path)), None)
    mine = next((one for one in known if one.uuid == uuid), None)
    total, free, problem = _room(path)
    state: VolumeState = "good"
    detail = ""
    if problem:
        state, detail = ("failed" if path.exists() else "missing"), problem
    elif uuid is None and here is not None:
        state, detail = "missing", f"{path} has no identity: its disk is not mounted there"
    elif here is not None and mine is None:
        state, detail = "foreign", f"another disk is mounted at {path}"
    elif free is not None and free <= settings.reserve:
        state, detail = "full", f"{free} bytes are free, {settings.reserve} are reserved"
    elif mine is not None and settings.quota is not None and mine.bytes >= settings.quota:
        state, detail = "full", f"{mine.bytes} bytes of a quota of {settings.quota} are used"
    used = mine.bytes if mine is not None else 0
    return VolumeFacts(
        uuid, str(path), total, free, used, settings.reserve, settings.quota, state, detail
    )


def _room(path: Path) -> tuple[int | None, int | None, str]:
    try:
        room = os.statvfs(path)
    except OSError as error:
        return None, None, f"{path}: {error.strerror or error}"
    return room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize, ""
