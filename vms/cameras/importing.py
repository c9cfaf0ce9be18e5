"""The cameras of a file that is imported: a CSV, or a TOML with `[[cameras]]`."""

from __future__ import annotations

import difflib
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from vms.cameras.entry import refuse_to_tell
from vms.cameras.provisioning import RegisteredCamera
from vms.cameras.schedule_change import named_by
from vms.cameras.sheet import read_sheet
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.config_file import load_settings, parse_settings
from vms.core.errors import BadRequest, ConfigError, Refused
from vms.core.schedule import WeekSpan, merged, parse_week_spans

MAX_BYTES = 20_000_000
"""Far more than any fleet; a larger file is another one, chosen by mistake."""
_TOLD = 5  # cameras named for one schedule


def read_cameras(
    file: Path,
    registered: Mapping[str, RegisteredCamera],
    schedules: Sequence[ScheduleSettings],
) -> list[CameraSettings]:
    """What the file says; a password it does not name stays as registered. `schedules`: the
    site's, of which the cameras' must be.

    Raises ConfigError, Refused or BadRequest, with line and remedy.
    """
    if file.suffix.lower() == ".toml":
        settings = load_settings(file, alone=False)
        _refuse_other_schedules(settings.cameras, settings.schedules, schedules)
        return [_with_password(one, registered) for one in settings.cameras]
    if file.suffix.lower() != ".csv":
        raise BadRequest(f"{file} is neither .csv nor .toml; rename it, or save it as one of them")
    try:
        if file.stat().st_size > MAX_BYTES:
            raise BadRequest(f"{file} is larger than {MAX_BYTES} bytes")
        text = file.read_bytes().decode()
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", file=str(file)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        remedy = 'save it as "CSV UTF-8"'
        raise ConfigError("is not UTF-8", file=str(file), line=line, remedy=remedy) from None
    found = read_sheet(text, str(file), registered)
    _refuse_other_schedules(found, (), schedules)
    return found


def cameras_sent(
    text: str,
    name: str,
    registered: Mapping[str, RegisteredCamera],
    schedules: Sequence[ScheduleSettings],
) -> list[CameraSettings]:
    """The cameras of a file that somebody sent, `name` says of which kind. Raises what
    `read_cameras` raises.

    Nothing of the server is read for it: no variable, no password file. A stored password stays
    only where the camera's hosts stay.
    """
    if name.lower().endswith(".toml"):
        settings = parse_settings(_without_files(text, name), Path(name), {}, alone=False)
        _refuse_other_schedules(settings.cameras, settings.schedules, schedules)
        found = [_with_password(one, registered) for one in settings.cameras]
    else:
        found = read_sheet(text, name, registered)
        _refuse_other_schedules(found, (), schedules)
    for camera in found:
        before = registered.get(camera.id)
        if before is not None and camera.password == before.settings.password:
            refuse_to_tell(before.settings, camera, {})
    return found


def _without_files(text: str, name: str) -> str:
    try:
        cameras = tomllib.loads(text).get("cameras", [])
    except (tomllib.TOMLDecodeError, RecursionError):
        return text  # what reads it says what is wrong
    for camera in cameras if isinstance(cameras, list) else ():
        if isinstance(camera, dict) and "secret" in camera:
            raise ConfigError(
                "names a file of the server, which only cameras.toml may",
                file=name,
                key="secret",
                remedy="write the password itself, as password, or leave it out",
            )
    return text


def _with_password(
    camera: CameraSettings, registered: Mapping[str, RegisteredCamera]
) -> CameraSettings:
    before = registered.get(camera.id)
    if before is None or camera.password is not None:
        return camera
    return camera.model_copy(update={"password": before.settings.password})


def _refuse_other_schedules(
    cameras: Sequence[CameraSettings],
    of_file: Sequence[ScheduleSettings],
    of_site: Sequence[ScheduleSettings],
) -> None:
    """Raise Refused where cameras of a file go by schedules that the site lacks or has otherwise.

    An import changes no schedule: others may go by it. But under other hours than where it comes
    from a camera would record, or hide, at times that nobody chose.
    """
    here = {one.name: one for one in of_site}
    there = {one.name: one for one in of_file}
    mistakes: list[str] = []
    for name in sorted(named_by(cameras)):
        users = [one.id for one in cameras if name in one.schedules]
        known, brought = here.get(name), there.get(name)
        whose = f"{', '.join(users[:_TOLD])}{' …' if len(users) > _TOLD else ''}"
        if known is None:
            hours = f", with {_written(brought.spans)}" if brought is not None else ""
            spans = shlex.join(brought.spans) if brought is not None else "SPAN…"
            near = difflib.get_close_matches(name, here, n=1, cutoff=0.5)
            mean = f"did you mean {near[0]!r}? else " if near else ""
            mistakes.append(
                f"there is no schedule {name!r} on this site, by which {whose} would go "
                f"({mean}make it on the site's console or by `vms schedules add {name} {spans}`; "
                f"or add it under [[schedules]] of the site's cameras.toml{hours}, and vms apply)"
            )
        elif brought is not None and _hours(known) != _hours(brought):
            mistakes.append(
                f"the schedule {name!r}, by which {whose} would go, has {_written(known.spans)} "
                f"on this site and {_written(brought.spans)} in the file (make them alike where "
                "the site has it, on the console or in cameras.toml, or in the file)"
            )
    if mistakes:
        raise Refused("nothing was imported:\n" + "\n".join(mistakes))


def _hours(one: ScheduleSettings) -> tuple[WeekSpan, ...]:
    return merged(parse_week_spans(one.spans))


def _written(spans: Sequence[str]) -> str:
    return f"[{', '.join(map(repr, spans))}]"
