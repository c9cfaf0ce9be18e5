"""Following cameras.toml: a changed file is applied, a bad one changes nothing and says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vms.app.site import Site
from vms.cameras.provisioning import Change, explained
from vms.core.config import Settings
from vms.core.config_file import load_settings
from vms.core.errors import ConfigError
from vms.core.log import get_logger

log = get_logger(__name__)

_NEEDS_RESTART = ("system", "web", "recorder", "live", "volumes")


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
        self._signature: tuple[int, int, int] | None = None
        self._revision = site.registry.revision()

    def look(self) -> Reloaded:
        """Apply the file if it changed; say whether the recorder must read the registry again."""
        changes: tuple[Change, ...] = ()
        waiting: tuple[str, ...] = ()
        signature = _signature(self._file)
        if signature is not None and signature != self._signature:
            try:
                settings = load_settings(self._file)
            except ConfigError as error:
                log.error("cameras.toml is wrong; nothing was changed", error=str(error))
            else:
                # A database that is locked just now raises; then the next look tries again.
                changes = self._site.registry.apply(settings.cameras)
                waiting = _sections_that_differ(self._running, settings)
                if changes or waiting or self._signature is not None:
                    self._tell(changes, waiting)
            self._signature = signature
        revision = self._site.registry.revision()
        changed, self._revision = revision != self._revision, revision
        return Reloaded(changes, waiting, registry_changed=changed)

    def _tell(self, changes: tuple[Change, ...], waiting: tuple[str, ...]) -> None:
        log.info("cameras.toml was read again", changes=explained(changes))
        if waiting:
            log.warning("these sections take effect at the next start", sections=list(waiting))


def _signature(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None  # an editor may be replacing it right now; the next look sees it
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _sections_that_differ(before: Settings, after: Settings) -> tuple[str, ...]:
    return tuple(name for name in _NEEDS_RESTART if getattr(before, name) != getattr(after, name))
