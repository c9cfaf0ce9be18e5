"""Settings: what cameras.toml may say, as frozen values.

Here stand the shapes and the rules of single values. `vms.core.config_file` reads the file and
turns what is wrong into an error with line and remedy; the cameras that people add on screens
live in the database and use the same `CameraSettings`.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from vms.core.clock import SECOND, parse_span
from vms.core.errors import ConfigError
from vms.core.model import CAMERA_ID_MAX, CameraId, is_camera_id
from vms.core.secret import Secret

SOURCE_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "srt", "udp", "rtp", "file")

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(B|[kKMGT]i?B)")
_UNITS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@\s]+)(:\d{0,5})?")
_SOCKET_PATH_MAX = 100  # sockaddr_un holds 108 bytes with the closing zero (unix(7))


def parse_size(text: str) -> int:
    """`10 GB` (powers of 1000) or `10 GiB` (powers of 1024) in bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a size such as '10 GB' or '500 MiB'")
    unit = match[2].upper()
    base = 1024 if "I" in unit else 1000
    return int(float(match[1]) * base ** _UNITS[unit[0]])


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _span(value: object) -> object:
    return parse_span(value) if isinstance(value, str) else value


def _within(low: str, high: str) -> AfterValidator:
    """A span from `low` to `high`, said in the words of the file."""

    def check(value: int) -> int:
        if not parse_span(low) <= value <= parse_span(high):
            raise ValueError(f"must be from '{low}' to '{high}'")
        return value

    return AfterValidator(check)


def _secret(value: object) -> object:
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, Secret):
        return value
    raise ValueError("must be text in quotes")  # and never shows what stands there


def _path(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError(f"{value.parts[0]} is no user with a home folder") from None


def _camera_id(value: object) -> object:
    if not isinstance(value, str) or not is_camera_id(value):
        raise ValueError(
            f"{value!r} can't name a camera; use lower-case letters, digits and single hyphens, "
            f"at most {CAMERA_ID_MAX} characters, such as gate-north"
        )
    return CameraId(value)


def _zone(value: object) -> object:
    if not isinstance(value, str) or value not in zoneinfo.available_timezones():
        raise ValueError(f"{value!r} is not a time zone; use an IANA name such as Europe/Istanbul")
    return value


def _record(value: object) -> object:
    if value in ("continuous", "events", "off"):
        return value
    if isinstance(value, str) and re.fullmatch(r"schedule:\S+", value):
        return value
    raise ValueError(
        f"{value!r} is not a record mode; use continuous, events, schedule:NAME or off"
    )


def _source(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('must be a URL in quotes, such as "rtsp://10.0.0.5/main"')  # noqa: TRY004
    if _CONTROL.search(value):
        raise ValueError("has a line break or another control character in it")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is not a URL: {error}") from None
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


def _listen(value: object) -> object:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})", str(value))
    if match is None or not 0 < int(match[2]) <= 65_535:
        raise ValueError(f"{value!r} is not an address to listen on, such as 127.0.0.1:8080")
    return value


Folder = Annotated[Path, AfterValidator(_path)]
Size = Annotated[int, BeforeValidator(_size), Field(ge=0, le=2**62)]
Nanoseconds = Annotated[int, BeforeValidator(_span), Field(ge=0)]
SecretText = Annotated[Secret, BeforeValidator(_secret), PlainSerializer(str)]
Identifier = Annotated[str, BeforeValidator(_camera_id)]
Zone = Annotated[str, BeforeValidator(_zone)]
Source = Annotated[str, BeforeValidator(_source)]
RecordMode = Annotated[str, BeforeValidator(_record)]
Listen = Annotated[str, BeforeValidator(_listen)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class SystemSettings(_Value):
    """`[system]`. `timezone` is the site's: every screen, export and file name shows it."""

    name: str = "Gözcü"
    timezone: Zone = "Europe/Istanbul"
    data: Folder = Path("data")
    database: str | None = None


class WebSettings(_Value):
    """`[web]`. `listen`: HOST:PORT of the console and the API."""

    listen: Listen = "127.0.0.1:8080"

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])


class RecorderSettings(_Value):
    """`[recorder]`. `workers`: 0 means one per core. `segment`, `sweep`: nanoseconds."""

    workers: Annotated[int, Field(ge=0, le=64)] = 0
    segment: Annotated[Nanoseconds, _within("2 s", "10 min")] = 60 * SECOND
    sweep: Annotated[Nanoseconds, _within("20 ms", "1 s")] = SECOND // 5

    @model_validator(mode="before")
    @classmethod
    def _resolve_workers(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("workers", 0) == 0:
            return {**values, "workers": os.cpu_count() or 1}
        return values


class LiveSettings(_Value):
    """`[live]`. `processes`: how many processes send live pictures to viewers."""

    processes: Annotated[int, Field(ge=1, le=16)] = 1


class VolumeSettings(_Value):
    """`[[volumes]]`. `reserve`: bytes always left free; `quota`: bytes used at most."""

    path: Folder
    reserve: Size = 10_000_000_000
    quota: Size | None = None
    durability: Literal["1s", "process"] = "1s"


class RetentionRule(_Value):
    """`[[retention]]`. `cameras`: ids, globs or group:NAME; the last rule that matches wins."""

    name: str
    keep: Annotated[Nanoseconds, _within("1 min", "3650 d")]
    cameras: tuple[str, ...] = ("*",)
    reason: str = ""


class Location(_Value):
    """A place on the map: degrees; `heading` from north clockwise, `fov` the view's width."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    heading: Annotated[float, Field(ge=0, le=360)] | None = None
    fov: Annotated[float, Field(gt=0, le=360)] | None = None


class CameraSettings(_Value):
    """`[[cameras]]`. User and password never stay in `source` and `sub`, even if written there."""

    id: Identifier
    name: str = ""
    groups: tuple[str, ...] = ()
    source: Source
    sub: Source | None = None
    username: str | None = None
    password: SecretText | None = None
    secret: Folder | None = None
    transport: Literal["auto", "tcp", "udp", "libav"] = "auto"
    record: RecordMode = "continuous"
    location: Location | None = None

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if not values.get("name") and isinstance(values.get("id"), str):
            values["name"] = values["id"]
        return _without_credentials(values)

    @property
    def camera_id(self) -> CameraId:
        return CameraId(self.id)


def _without_credentials(values: dict[str, Any]) -> dict[str, Any]:
    """Move user and password from the URLs to their own fields."""
    found = None
    for key in ("source", "sub"):
        url = values.get(key)
        if not isinstance(url, str):
            continue
        values[key], userinfo = split_credentials(url)
        if userinfo is None:
            continue
        if found not in (None, userinfo):
            raise ValueError("source and sub name different users or passwords; one serves both")
        found = userinfo
        user, _, password = userinfo.partition(":")
        values.setdefault("username", unquote(user))
        if password and "secret" not in values:
            values.setdefault("password", unquote(password))
    return values


def split_credentials(url: str) -> tuple[str, str | None]:
    """The URL without what stands before its host's `@`, and that; None if there is nothing.

    People paste passwords with a raw `/`, `?` or `#`, which would end the host early: there the
    last `@` counts, unless what stands before it can only be a host, as in rtsp://10.0.0.5/a@1.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url, None
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    at = authority.rfind("@")
    if at < 0 and not (_HOST.fullmatch(authority) and not _like_user(authority, rest)):
        at = rest.rfind("@")
    return (url, None) if at < 0 else (f"{scheme}://{rest[at + 1 :]}", rest[:at])


def _like_user(authority: str, rest: str) -> bool:
    """Whether `admin:1234` is a user with the beginning of a password, not a host and a port."""
    name, colon, _ = authority.partition(":")
    behind = re.split(r"[:/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return bool(colon) and "." not in name and name[:1] != "[" and "." in behind


class Settings(_Value):
    """One cameras.toml, complete. Paths are absolute."""

    file: Path
    system: SystemSettings = SystemSettings()
    web: WebSettings = WebSettings()
    recorder: RecorderSettings = Field(default_factory=lambda: RecorderSettings.model_validate({}))
    live: LiveSettings = LiveSettings()
    volumes: tuple[VolumeSettings, ...] = ()
    retention: tuple[RetentionRule, ...] = ()
    cameras: tuple[CameraSettings, ...] = ()

    @property
    def database_url(self) -> str:
        return self.system.database or f"sqlite:///{self.system.data / 'gozcu.db'}"

    @property
    def run_dir(self) -> Path:
        """Where running processes meet: sockets, status, process ids."""
        return self.system.data / "run"

    def socket_path(self, name: str) -> Path:
        """Where the Unix socket `name` lies: in `run_dir`, or in a private short folder."""
        path = self.run_dir / f"{name}.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
            return path
        digest = hashlib.sha256(os.fsencode(self.run_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"vms-{os.getuid()}-{digest}" / f"{name}.sock"

    def make_run_dirs(self) -> None:
        """Make the data folder and those of `run_dir` and the sockets, these for us only.

        Raises ConfigError.
        """
        try:
            self.system.data.mkdir(parents=True, exist_ok=True)
            for folder in {self.run_dir, self.socket_path("x").parent}:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if folder.stat().st_uid != os.getuid():
                    raise PermissionError(f"{folder} belongs to another user")
        except OSError as error:
            raise ConfigError(
                f"{self.system.data} can't be used: {error}",
                file=str(self.file),
                key="system.data",
                remedy="mount it, or give this user the right to write there",
            ) from None
