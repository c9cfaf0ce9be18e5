"""What must change so that the registry says what cameras.toml says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from vms.core.config import CameraSettings

Origin = Literal["file", "database"]


@dataclass(frozen=True, slots=True)
class RegisteredCamera:
    """A camera of this site and where it was declared."""

    settings: CameraSettings
    origin: Origin


@dataclass(frozen=True, slots=True)
class Change:
    """One camera that changes. `fields`: (name, before, after) as texts, secrets as `***`."""

    kind: Literal["added", "changed", "removed", "taken over"]
    camera: str
    fields: tuple[tuple[str, str, str], ...] = ()

    def __str__(self) -> str:
        sign = {"added": "+", "changed": "~", "removed": "-", "taken over": "~"}[self.kind]
        lines = [f"{sign} {self.camera}: {self.kind}"]
        lines += [f"    {name}: {before} → {after}" for name, before, after in self.fields]
        return "\n".join(lines)


def difference(
    registered: Mapping[str, RegisteredCamera], declared: Sequence[CameraSettings]
) -> tuple[Change, ...]:
    """The changes that bring `registered` to what the file declares.

    Cameras that people added (`database`) stay, unless the file now declares the same id.
    """
    changes: list[Change] = []
    for camera in declared:
        before = registered.get(camera.id)
        if before is None:
            changes.append(Change("added", camera.id))
        elif before.origin == "database":
            changes.append(Change("taken over", camera.id, _fields(before.settings, camera)))
        elif before.settings != camera:
            changes.append(Change("changed", camera.id, _fields(before.settings, camera)))
    wanted = {camera.id for camera in declared}
    changes.extend(
        Change("removed", camera_id)
        for camera_id, camera in registered.items()
        if camera.origin == "file" and camera_id not in wanted
    )
    return tuple(changes)


def _fields(before: CameraSettings, after: CameraSettings) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, _shown(getattr(before, name)), _shown(getattr(after, name)))
        for name in CameraSettings.model_fields
        if getattr(before, name) != getattr(after, name)
    )


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def explained(changes: Iterable[Change]) -> str:
    """The changes for a terminal; one line says so if there are none."""
    return "\n".join(str(change) for change in changes) or "Nothing to change."
