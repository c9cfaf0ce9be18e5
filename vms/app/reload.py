"""Following cameras.toml: a changed file is applied, a bad one changes nothing and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from storage.findings import Findings, Kind
from storage.rule_changes import RuleChange
from vms.app.site import Site
from vms.cameras.provisioning import Change, explained
from vms.core.clock import SECOND
from vms.core.config import Settings
from vms.core.config_file import load_settings
from vms.core.config_storage import RetentionRule
from vms.core.errors import ConfigError, Harmful, StorageError
from vms.core.log import get_logger

log = get_logger(__name__)

_BY = "cameras.toml"

_FOLLOWED = {"file", "schedules", "retention", "cameras"}  # everything else needs a restart
_RESTING = SECOND // 2
"""A file that was written to within this time is looked at later: many programs empty it first, and
an empty file is a good one, without cameras."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What one look brought: camera changes, and sections that wait for a restart."""

    changes: tuple[Change, ...] = ()
    waiting: tuple[str, ...] = ()
    registry_changed: bool = False


class Reloader:
    """Looks at the file and the registry when asked; one look is a stat and one small query."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._file: Path = site.settings.file
        self._running: Settings = site.settings
        # Unknown at first: the file may have changed since the settings we run with were read.
        self._signature: _Signature | None = None
        self._revision = site.registry.revision()

    def look(self) -> Reloaded:
        """Apply the file if it changed; say whether the recorder must read the registry again."""
        changes: tuple[Change, ...] = ()
        waiting: tuple[str, ...] = ()
        signature = _signature(self._file)
        if signature is not None and signature != self._signature and self._rests(signature):
            try:
                settings = load_settings(self._file)
            except ConfigError as error:
                log.error("cameras.toml is wrong; nothing was changed", error=str(error))
            else:
                # A database that is locked just now raises; then the next look tries again.
                self._apply_schedules(settings)
                changes = self._site.registry.apply(settings.cameras)
                apply_rules(self._site, settings.retention)
                waiting = _sections_that_differ(self._running, settings)
                if changes or waiting or self._signature is not None:
                    self._tell(changes, waiting)
            self._signature = signature
        revision = self._site.registry.revision()
        changed, self._revision = revision != self._revision, revision
        return Reloaded(changes, waiting, registry_changed=changed)

    def _rests(self, signature: _Signature) -> bool:
        return not 0 <= self._site.clock.now() - signature.modified < _RESTING

    def _apply_schedules(self, settings: Settings) -> None:
        """Before the cameras that name them."""
        changes = self._site.schedules.apply(settings.schedules)
        if changes:
            log.info("schedules were changed", changes=explained(changes))

    def _tell(self, changes: tuple[Change, ...], waiting: tuple[str, ...]) -> None:
        log.info("cameras.toml was read again", changes=explained(changes))
        if waiting:
            log.warning("these sections take effect at the next start", sections=list(waiting))


def apply_rules(site: Site, declared: Sequence[RetentionRule]) -> None:
    """Bring the retention rules to what the file says; those that would do harm are left alone.

    Then the rules from before hold, recording goes on, a finding tells people, and
    `vms apply --meant` settles it.
    """
    findings = Findings(site.engine, site.clock)
    try:
        changes = site.keeping.apply(declared, _BY)
    except (Harmful, StorageError) as error:
        log.error("the retention rules of cameras.toml were not taken", error=str(error))
        findings.report(Kind.RULES_REFUSED, _BY, str(error))
        return
    findings.well(Kind.RULES_REFUSED, _BY)
    if changes:
        log.info("retention rules were changed", changes=explained(changes))


def take_rules(
    site: Site, declared: Sequence[RetentionRule], by: str, *, meant: bool
) -> Sequence[RuleChange]:
    """What a person asks for by `vms apply`. Raises Harmful unless it is `meant`."""
    changes = site.keeping.apply(declared, by, meant=meant)
    Findings(site.engine, site.clock).well(Kind.RULES_REFUSED, _BY)
    return changes


class _Signature(NamedTuple):
    """What differs when a file was changed. `modified`: nanoseconds."""

    modified: int
    size: int
    inode: int


def _signature(file: Path) -> _Signature | None:
    try:
        stat = file.stat()
    except OSError:
        return None  # an editor may be replacing it right now; the next look sees it
    return _Signature(stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _sections_that_differ(before: Settings, after: Settings) -> tuple[str, ...]:
    if "workers" not in after.recorder.model_fields_set:
        # Reckoned from the cameras, of which the file may not know all.
        workers = {"workers": before.recorder.workers}
        after = after.model_copy(update={"recorder": after.recorder.model_copy(update=workers)})
    return tuple(
        name
        for name in Settings.model_fields
        if name not in _FOLLOWED and getattr(before, name) != getattr(after, name)
    )
