"""Settings of cameras: `[[cameras]]` and the schedules by which they are recorded.

People add cameras on screens too; those live in the database as the same `CameraSettings`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from vms.core.clock import SECOND
from vms.core.config_motion import MotionSettings
from vms.core.config_values import Folder, Nanoseconds, SecretText, Section, within
from vms.core.inventory import Described, one_line
from vms.core.model import CAMERA_ID_MAX, CameraId, is_camera_id
from vms.core.schedule import Weekly, parse_week_spans
from vms.core.source_url import split_credentials, split_password

SOURCE_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "srt", "udp", "rtp", "file")
SPANS_MAX = 336
"""Spans of a schedule: each half hour of a week could be one of its own."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEDULE_NAME = r"[a-z0-9](?:-?[a-z0-9])*"


def _camera_id(value: object) -> object:
    if not isinstance(value, str) or not is_camera_id(value):
        raise ValueError(
            f"{value!r} can't name a camera; use lower-case letters, digits and single hyphens, "
            f"at most {CAMERA_ID_MAX} characters, such as gate-north"
        )
    return CameraId(value)


def _record(value: object) -> object:
    if value in ("continuous", "events", "off"):
        return value
    if isinstance(value, str) and re.fullmatch(rf"schedule:{_SCHEDULE_NAME}", value):
        return value
    raise ValueError(
        f"{value!r} is not a record mode; use continuous, events, schedule:NAME or off"
    )


def _schedule_name(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(_SCHEDULE_NAME, value) and len(value) <= 63:
        return value
    raise ValueError(
        f"{value!r} can't name a schedule; use lower-case letters, digits and single hyphens, "
        "such as office-hours"
    )


def _week(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("has no span; write at least one, such as 'mon-fri 08:00-18:00'")
    parse_week_spans(value)
    return value


def _source(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('must be a URL in quotes, such as "rtsp://10.0.0.5/main"')  # noqa: TRY004
    if _CONTROL.search(value):
        raise ValueError("has a line break or another control character in it")
    value = value.strip()  # pasted
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        # What Python says quotes the port, which may be a password: rtsp://admin:secret
        raise ValueError("is not a URL such as rtsp://10.0.0.5/main; look at its port") from None
    if parts.scheme.lower() not in SOURCE_SCHEMES:
        raise ValueError(
            f"has the scheme {parts.scheme!r}; use a URL such as rtsp://10.0.0.5/main "
            f"(known: {', '.join(SOURCE_SCHEMES)})"
        )
    if parts.scheme.lower() != "file" and not parts.hostname:
        raise ValueError("has no host; use a URL such as rtsp://10.0.0.5/main")
    if re.search(r"\s", parts.netloc):
        raise ValueError(f"has a space in its host {parts.netloc!r}")
    return value


def _onvif_url(value: object) -> object:
    text = str(value).strip(" \u00a0")
    if "://" not in text:
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        good = bool(parts.hostname) and parts.port != 0 and not re.search(r"[\x00-\x20]", text)
    except ValueError:
        good = False
    if not good or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ValueError("must be where the camera speaks ONVIF, such as http://10.0.0.5")
    if parts.username is not None:
        raise ValueError("has a user or a password in it; use username and password")
    path = parts.path if parts.path not in ("", "/") else "/onvif/device_service"
    return f"{parts.scheme}://{parts.netloc}{path}"


def _certificate(value: object) -> str:
    if value in ("any", "checked"):
        return str(value)
    kind, _, digits = str(value).strip().lower().replace("-", "").partition(":")
    digits = digits.replace(":", "")
    if kind != "sha256" or re.fullmatch(r"[0-9a-f]{64}", digits) is None:
        raise ValueError("must be any, checked, or sha256: and the certificate's 64 hex digits")
    return f"sha256:{digits}"


Identifier = Annotated[str, BeforeValidator(_camera_id)]
Source = Annotated[str, BeforeValidator(_source)]
Certificate = Annotated[str, BeforeValidator(_certificate)]
OnvifUrl = Annotated[str, Field(max_length=500), BeforeValidator(_onvif_url)]
RecordMode = Annotated[str, BeforeValidator(_record)]
ScheduleName = Annotated[str, BeforeValidator(_schedule_name)]
Line = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
Group = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(one_line)]


def _each_once(groups: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(groups))


class ScheduleSettings(Section):
    """`[[schedules]]`: hours of a week by the site's clock, such as `mon-fri 08:00-18:00`.

    Over midnight: `fri 22:00-06:00`; a whole day: `sun 00:00-24:00`; every day: `daily …`.
    """

    name: ScheduleName
    spans: Annotated[
        tuple[Annotated[str, Field(max_length=100)], ...],
        Field(max_length=SPANS_MAX),
        AfterValidator(_week),
    ]

    def weekly(self, zone: str) -> Weekly:
        """The schedule by the clock of a zone."""
        return Weekly(self.name, parse_week_spans(self.spans), zone)


class Location(Section):
    """A place on the map: degrees; `heading` from north clockwise, `fov` the view's width."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    heading: Annotated[float, Field(ge=0, le=360)] | None = None
    fov: Annotated[float, Field(gt=0, le=360)] | None = None


class CameraSettings(Section):
    """`[[cameras]]`. User and password never stay in `source` and `sub`, even if written there.

    `privacy`: a schedule whose hours are never recorded and never shown. `pre_roll`, `post_roll`:
    how much is kept before and after an event, where events are what is recorded. `onvif`: where
    the camera is asked and steered, `http://10.0.0.5/onvif/device_service`; None if it is not.
    `onvif_certificate`: which one is taken where it is asked over https: any (cameras sign theirs
    themselves), one that an authority vouches for, or that of a SHA-256. `onvif_source`: the token
    of the video source it is where the device has several; None for the first.
    `motion`: what is looked for in its sub stream; None: nothing is.
    """

    id: Identifier
    name: Line = ""
    groups: Annotated[tuple[Group, ...], Field(max_length=50), AfterValidator(_each_once)] = ()
    source: Source
    sub: Source | None = None
    onvif: OnvifUrl | None = None
    onvif_certificate: Certificate = "any"
    onvif_source: Annotated[Line, Field(min_length=1)] | None = None
    username: Line | None = None
    password: SecretText | None = None
    secret: Folder | None = None
    transport: Literal["auto", "tcp", "udp", "libav"] = "auto"
    record: RecordMode = "continuous"
    privacy: ScheduleName | None = None
    pre_roll: Annotated[Nanoseconds, within("0 s", "60 s")] = 10 * SECOND
    post_roll: Annotated[Nanoseconds, within("0 s", "10 min")] = 20 * SECOND
    location: Location | None = None
    motion: MotionSettings | None = None
    inventory: Described = None

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if not str(values.get("name") or "").strip() and isinstance(values.get("id"), str):
            values["name"] = values["id"]
        return _without_credentials(values)

    @model_validator(mode="after")
    def _agree(self) -> CameraSettings:
        if self.motion is not None and self.sub is None:
            raise ValueError(
                "motion is looked for in the sub stream, and there is none; add sub, or take "
                "motion away"
            )
        return self

    @property
    def camera_id(self) -> CameraId:
        return CameraId(self.id)

    @property
    def schedule(self) -> str | None:
        """The schedule that says when it is recorded, if one does."""
        mode, _, name = self.record.partition(":")
        return name if mode == "schedule" else None

    @property
    def schedules(self) -> frozenset[str]:
        """The names of all schedules by which it goes."""
        return frozenset(name for name in (self.schedule, self.privacy) if name is not None)


def _without_credentials(values: dict[str, Any]) -> dict[str, Any]:
    """Move user and password from the URLs to their own fields."""
    users, passwords = set[str](), set[str]()
    for key in ("source", "sub"):
        url = values.get(key)
        if not isinstance(url, str):
            continue
        url, userinfo = split_credentials(url)
        values[key], among = split_password(url)
        user, _, before = (userinfo or "").partition(":")
        users |= {unquote(user)} if userinfo is not None else set()
        passwords |= {unquote(word) for word in (before, among) if word}
    if len(users) > 1 or len(passwords) > 1:
        raise ValueError("source and sub name different users or passwords; one serves both")
    for user in users:
        values.setdefault("username", user)
    for password in passwords if "secret" not in values else ():
        values.setdefault("password", password)
    return values
