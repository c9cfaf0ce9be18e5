"""Cameras and schedules as TOML, read back by cameras.toml. Passwords become `${VARIABLES}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import tomli_w

from vms.cameras.provisioning import Origin, RegisteredCamera
from vms.cameras.schedule_change import RegisteredSchedule, named_by
from vms.core.clock import span_text
from vms.core.config_camera import CameraSettings
from vms.core.config_file import escaped

_KEPT = "# its password is not exported; where this camera is registered, it stays\n"
_SCHEDULES = (
    "# Schedules by which these cameras go. An import changes none: where one is missing or has\n"
    "# other hours it says so; they are set on the site's console or in its cameras.toml.\n"
)


def dump_cameras(cameras: Iterable[RegisteredCamera], *, variables: bool = True) -> str:
    """`[[cameras]]` tables; a password is never printed, its variable's name is.

    Without `variables` a comment stands there instead: importing leaves the password as it is.
    """
    text = "\n".join(
        _declared(camera.origin)
        + "[[cameras]]\n"
        + "".join(_line(key, value) for key, value in _table(camera.settings, variables).items())
        + ("" if variables or camera.settings.password is None else _KEPT)
        for camera in cameras
    )
    return text or "# no cameras\n"


def dump_schedules(schedules: Iterable[RegisteredSchedule]) -> str:
    """`[[schedules]]` tables; empty without any."""
    tables = ((one.origin, {"name": one.name, "spans": list(one.spans)}) for one in schedules)
    return "\n".join(
        f"{_declared(origin)}[[schedules]]\n{tomli_w.dumps(table)}" for origin, table in tables
    )


def export_cameras(
    cameras: Sequence[RegisteredCamera], schedules: Iterable[RegisteredSchedule]
) -> str:
    """What `import` reads back: the schedules by which cameras go, and the cameras, without
    passwords."""
    names = named_by(one.settings for one in cameras)
    used = dump_schedules(one for one in schedules if one.name in names)
    told = f"{_SCHEDULES}{used}\n" if used else ""
    return told + dump_cameras(cameras, variables=False)


def _declared(origin: Origin) -> str:
    return f"# declared in {'cameras.toml' if origin == 'file' else 'the console'}\n"


def password_variable(camera_id: str) -> str:
    """`gate-north` → `GATE_NORTH_PASSWORD`."""
    return re.sub(r"[^A-Z0-9]", "_", camera_id.upper()) + "_PASSWORD"


def _line(key: str, value: Any) -> str:
    """One key. A table stands within the line: as one of its own it would end the camera."""
    return f"{key} = {_inline(value)}\n"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{name} = {_inline(one)}" for name, one in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, value))}]"
    return tomli_w.dumps({"key": value}).removeprefix("key = ").rstrip("\n")


def _escaped(value: Any) -> Any:
    """With no text in it that would be taken for a variable."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        return {name: _escaped(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(one) for one in value]
    return value


def _table(settings: CameraSettings, variables: bool) -> dict[str, Any]:
    values = settings.model_dump(
        exclude={"password", "secret"}, exclude_none=True, exclude_defaults=True
    )
    values = {name: _escaped(value) for name, value in values.items()}
    if settings.password is not None and variables:
        values["password"] = f"${{{password_variable(settings.id)}}}"
    for name in ("pre_roll", "post_roll"):
        if name in values:
            values[name] = span_text(values[name])
    return values
