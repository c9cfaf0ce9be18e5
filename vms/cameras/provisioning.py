"""What must change so that the registry says what is wanted of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from vms.core.clock import span_text
from vms.core.config_camera import CameraSettings
from vms.core.errors import Refused

THE_FILE = "cameras.toml"
"""Who changes what the file declares."""

Origin = Literal["file", "database"]
Kind = Literal["added", "changed", "removed", "taken over", "replaced"]
Field = tuple[str, str, str]
"""(name, before, after) as texts, secrets as `***`."""

Edit = Callable[[CameraSettings], CameraSettings]

_SIGNS: dict[Kind, str] = {"added": "+", "removed": "-"}


@dataclass(frozen=True, slots=True)
class RegisteredCamera:
    """A camera of this site and where it was declared."""

    settings: CameraSettings
    origin: Origin


@dataclass(frozen=True, slots=True)
class Change:
    """One camera that changes. `replaced`: another device stands in its place."""

    kind: Kind
    camera: str
    fields: tuple[Field, ...] = ()

    def __str__(self) -> str:
        lines = [f"{_SIGNS.get(self.kind, '~')} {self.camera}: {self.kind}"]
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
            changes.append(Change("taken over", camera.id, fields_of(before.settings, camera)))
        elif before.settings != camera:
            changes.append(Change("changed", camera.id, fields_of(before.settings, camera)))
    wanted = {camera.id for camera in declared}
    changes.extend(
        Change("removed", camera_id)
        for camera_id, camera in registered.items()
        if camera.origin == "file" and camera_id not in wanted
    )
    return tuple(changes)


def additions(
    registered: Mapping[str, RegisteredCamera], wanted: Sequence[CameraSettings]
) -> tuple[Change, ...]:
    """The changes that add `wanted` to what people added, or change it; nothing is removed.

    Raises Refused if one of them is the file's and differs.
    """
    changes: list[Change] = []
    for camera in wanted:
        before = registered.get(camera.id)
        if before is None:
            changes.append(Change("added", camera.id))
        elif before.settings != camera:
            refuse_declared(before)
            changes.append(Change("changed", camera.id, fields_of(before.settings, camera)))
    return tuple(changes)


def refuse_declared(camera: RegisteredCamera) -> None:
    """Raise Refused for a camera of the file: it is changed there."""
    if camera.origin == "file":
        raise Refused(
            f"{camera.settings.id} is declared in cameras.toml and read-only here; change it there"
        )


def fields_of(before: CameraSettings, after: CameraSettings) -> tuple[Field, ...]:
    """What differs, field by field; the fields of location and inventory one by one."""
    fields: list[Field] = []
    for name in CameraSettings.model_fields:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            fields += _parts(name, old, new)
    return tuple(fields)


def _parts(name: str, old: object, new: object) -> Iterable[Field]:
    whole = next((one for one in (old, new) if isinstance(one, BaseModel)), None)
    if whole is None:
        yield name, _shown(name, old), _shown(name, new)
        return
    for part in type(whole).model_fields:
        before, after = getattr(old, part, None), getattr(new, part, None)
        if (before or None) != (after or None):
            yield f"{name}.{part}", _shown(part, before), _shown(part, after)


def _shown(name: str, value: object) -> str:
    if name in ("pre_roll", "post_roll") and isinstance(value, int):
        return span_text(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None or value == "" else str(value)


def explained(changes: Iterable[object]) -> str:
    """The changes for a terminal; one line says so if there are none."""
    return "\n".join(str(change) for change in changes) or "Nothing to change."
