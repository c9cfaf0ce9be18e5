"""Puts on record what is done on the command line: one place around the commands.

Which are told stands in `ACTS`; all others only read what is neither picture nor audit.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from vms.cli.options import DEFAULT_CONFIG, instant, whoami
from vms.core.clock import Instant, SystemClock
from vms.core.errors import BadRequest, VmsError


@dataclass(slots=True)
class _Noted:
    """What a command said of what it did."""

    detail: str = ""
    cameras: tuple[str, ...] = ()


# Command → kind of entry (vms.people.audit.entry.What).
ACTS: dict[str, str] = {
    "apply": "cameras",
    "audit pack": "audit_pack",
    "backup": "settings",
    "block add": "block",
    "block lift": "block",
    "cameras import": "cameras",
    "cameras replace": "cameras",
    "cameras test": "cameras",
    "discover": "discovery",
    "events add": "event",
    "export": "export",
    "frame": "snapshot",
    "hold add": "hold",
    "hold lift": "lift",
    "ledger rotate": "settings",
    "restore": "settings",
    "retention": "retention",
    "schedules add": "cameras",
    "schedules remove": "cameras",
    "schedules set": "cameras",
    "storage accept": "settings",
    "storage rebuild": "settings",
    "users add": "people",
    "users grant": "people",
    "users passwd": "people",
    "users remove": "people",
    "users revoke": "people",
    "users role": "people",
    "users token": "people",
}
_ONLY_DONE = frozenset({"restore"})  # refused, it leaves the site as it is, to the byte
_READS = {"retention": "confirm"}  # told only with this option
_noted: ContextVar[_Noted | None] = ContextVar("noted", default=None)
_SUBJECTS = ("hold", "block", "name", "person", "kind", "file", "output", "place")


def note(detail: str, cameras: Sequence[str] = ()) -> None:
    """What only the command knows of what it did: to which cameras, from what to what."""
    noted = _noted.get()
    if noted is not None:
        noted.detail, noted.cameras = detail, tuple(cameras)


def tell_of_commands(app: typer.Typer, above: str = "") -> None:
    """Wrap the commands of `ACTS`, in `app` and in the groups within it."""
    for info in app.registered_commands:
        assert info.callback is not None
        name = info.name or info.callback.__name__.replace("_", "-")
        what = ACTS.get(f"{above}{name}")
        if what is not None:
            info.callback = _told(info.callback, f"{above}{name}", what)
    for group in app.registered_groups:
        if group.typer_instance is not None and group.name:
            tell_of_commands(group.typer_instance, f"{above}{group.name} ")


def _told(command: Callable[..., Any], name: str, what: str) -> Callable[..., Any]:
    @functools.wraps(command)
    def run(*arguments: Any, **values: Any) -> Any:
        failed, noted = True, _Noted()
        token = _noted.set(noted)
        try:
            answer = command(*arguments, **values)
            failed = False
            return answer
        finally:
            _noted.reset(token)
            asked = name not in _READS or values.get(_READS[name])
            if asked and not (failed and name in _ONLY_DONE):
                _tell(name, what, values, noted, failed=failed)

    return run


def _tell(name: str, what: str, values: Mapping[str, Any], noted: _Noted, *, failed: bool) -> None:
    config = Path(values.get("config") or DEFAULT_CONFIG)
    if not config.exists():
        return  # there is no site whose audit it could be
    try:
        _write(config, name, what, values, noted, failed=failed)
    except VmsError as error:
        print(f"vms: this could not be put on record: {error}", file=sys.stderr)


def _write(
    config: Path,
    name: str,
    what: str,
    values: Mapping[str, Any],
    noted: _Noted,
    *,
    failed: bool,
) -> None:
    from vms.app.site import open_site
    from vms.people.audit.entry import Entry, What

    named = values.get("camera") or values.get("cameras") or noted.cameras
    cameras = (named,) if isinstance(named, str) else tuple(str(one) for one in named)
    start, end = (_time(values.get(one)) for one in ("start", "end"))
    subject = next((str(values[one]) for one in _SUBJECTS if values.get(one)), "")
    said = (str(values.get("reason") or ""), noted.detail, f"vms {name}")
    detail = " · ".join(text for text in said if text)
    told = [
        Entry(
            SystemClock().now(),
            What(what),
            whoami(),
            "cli",
            camera=camera,
            subject=subject,
            detail=detail,
            outcome="failed" if failed else "done",
            start=start if start is not None else _time(values.get("at")),
            end=end,
        )
        for camera in cameras or ("",)
    ]
    with open_site(config) as site:
        site.audit.write(told)


def _time(text: object) -> Instant | None:
    try:
        return instant(text) if isinstance(text, str) else None
    except BadRequest:
        return None
