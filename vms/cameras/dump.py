"""Cameras as TOML, to be read back by cameras.toml. Passwords become `${VARIABLES}`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import tomli_w

from vms.cameras.provisioning import RegisteredCamera
from vms.core.config import CameraSettings


def dump_cameras(cameras: Iterable[RegisteredCamera]) -> str:
    """`[[cameras]]` tables; a password is never printed, its variable's name is."""
    text = "\n".join(
        f"# declared in {'cameras.toml' if camera.origin == 'file' else 'the console'}\n"
        + "[[cameras]]\n"
        + "".join(_line(key, value) for key, value in _table(camera.settings).items())
        for camera in cameras
    )
    return text or "# no cameras\n"


def password_variable(camera_id: str) -> str:
    """`gate-north` → `GATE_NORTH_PASSWORD`."""
    return re.sub(r"[^A-Z0-9]", "_", camera_id.upper()) + "_PASSWORD"


def _line(key: str, value: Any) -> str:
    """One key. A table stands within the line: as one of its own it would end the camera."""
    if not isinstance(value, dict):
        return tomli_w.dumps({key: value})
    inner = ", ".join(tomli_w.dumps({name: one}).rstrip() for name, one in value.items())
    return f"{key} = {{ {inner} }}\n"


def _table(settings: CameraSettings) -> dict[str, Any]:
    values = settings.model_dump(
        exclude={"password", "secret"}, exclude_none=True, exclude_defaults=True
    )
    if settings.password is not None:
        values["password"] = f"${{{password_variable(settings.id)}}}"
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
    }
