"""The settings a system runs with, kept for the processes it starts again.

A process that dies must come back as it was. The settings file may have been edited meanwhile: with
another number of workers a camera would be recorded by two of them or by none, and with a mistake
in it the process would not come back at all. Cameras are not kept: they stand in the database.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from vms.core.config import Settings
from vms.core.config_values import KEPT
from vms.core.errors import ConfigError


def running_file(settings: Settings) -> Path:
    """Where they are kept."""
    return settings.run_dir / "settings.json"


def keep_running(settings: Settings) -> None:
    """Write them down, for us only: the database's URL and buckets have secrets."""
    file = running_file(settings)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(settings.model_dump_json(exclude={"cameras"}, context=KEPT))
    fresh.replace(file)


def read_running(file: Path) -> Settings:
    """The settings that were kept, without cameras. Raises ConfigError."""
    try:
        return Settings.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(
            f"can't be read: {error}", file=str(file), remedy="start the system anew"
        ) from None
