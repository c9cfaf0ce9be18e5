"""Settings: what cameras.toml may say, as frozen values.

Here stand the shapes and the rules of single values. `vms.core.config_file` reads the file and
turns what is wrong into an error with line and remedy; the cameras that people add on screens
live in the database and use the same `CameraSettings`.
"""

from __future__ import annotations

import hashlib
import ipaddress
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
    model_validator,
)

from vms.core.clock import SECOND
from vms.core.config_directory import LdapSettings, OidcSettings
from vms.core.config_motion import MotionSettings
from vms.core.config_values import Folder, Nanoseconds, SecretText, within
from vms.core.errors import ConfigError
from vms.core.inventory import Described, one_line
from vms.core.model import CAMERA_ID_MAX, CameraId, is_camera_id
from vms.core.networks import EVERYWHERE, METADATA, PRIVATE, Networks, named
from vms.core.schedule import Weekly, parse_week_spans
from vms.core.source_url import split_credentials, split_password

SOURCE_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "srt", "udp", "rtp", "file")

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(B|[kKMGT]i?B)")
_UNITS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CAMERAS_PER_WORKER = 100
"""A worker of so many is a quarter of a core busy. With fewer, a second one only costs: its caches
are cold, and on two threads of one core it slows the first (docs/decisions/0006)."""

_SCHEDULE_NAME = r"[a-z0-9](?:-?[a-z0-9])*"
_SOCKET_PATH_MAX = 100  # sockaddr_un holds 108 bytes with the closing zero (unix(7))


def parse_size(text: str) -> int:
    """`10 GB` (powers of 1000) or `10 GiB` (powers of 1024) in bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a size such as '10 GB' or '500 MiB'")
    unit = match[2].upper()
    base = 1024 if "I" in unit else 1000
    return int(float(match[1]) * base ** _UNITS[unit[0]])


def size_text(size: int) -> str:
    """`10 GB`, `1500 B`: the largest unit that says it exactly; `parse_size` reads it back."""
    power = next((power for power in (4, 3, 2, 1) if size and size % 1000**power == 0), 0)
    return f"{size // 1000**power} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


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


def _listen(value: object) -> object:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})", str(value))
    if match is None or not 0 < int(match[2]) <= 65_535:
        raise ValueError(f"{value!r} is not an address to listen on, such as 127.0.0.1:8080")
    return value


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = re.fullmatch(r"[0-9A-Za-z.:-]+", parts.hostname or "") and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://minio.example.org:9000")
    if parts.username is not None:
        raise ValueError("has a user or a password in it; use access_key and secret_key")
    return value.rstrip("/")


def _onvif_url(value: object) -> object:
    text = str(value)
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


Size = Annotated[int, BeforeValidator(_size), Field(ge=0, le=2**62)]
Identifier = Annotated[str, BeforeValidator(_camera_id)]
Zone = Annotated[str, BeforeValidator(_zone)]
Source = Annotated[str, BeforeValidator(_source)]
Certificate = Annotated[str, BeforeValidator(_certificate)]
OnvifUrl = Annotated[str, Field(max_length=500), BeforeValidator(_onvif_url)]
RecordMode = Annotated[str, BeforeValidator(_record)]
ScheduleName = Annotated[str, BeforeValidator(_schedule_name)]
Listen = Annotated[str, BeforeValidator(_listen)]
Line = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
Group = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(one_line)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class SystemSettings(_Value):
    """`[system]`. `timezone` is the site's: every screen, export and file name shows it."""

    name: str = "Gözcü"
    timezone: Zone = "Europe/Istanbul"
    data: Folder = Path("data")
    database: str | None = None


class WebSettings(_Value):
    """`[web]`. `listen`: HOST:PORT of the console and the API.

    `tls_certificate`, `tls_key`: PEM files, read again when they change. `tls`: without these
    files "auto" makes a pair of its own where others than this machine can connect; "off" leaves
    it to a proxy in front.
    """

    listen: Listen = "127.0.0.1:8080"
    tls: Literal["auto", "self-signed", "off"] = "auto"
    tls_certificate: Folder | None = None
    tls_key: Folder | None = None

    @model_validator(mode="after")
    def _agree(self) -> WebSettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: give both, or neither")
        return self

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_tls(self) -> bool:
        """Whether this server speaks TLS itself."""
        if self.tls_certificate is not None:
            return self.tls != "off"
        return self.tls == "self-signed" or (self.tls == "auto" and not self.is_local)

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])


class RecorderSettings(_Value):
    """`[recorder]`. `segment`, `sweep`: nanoseconds. `workers`: processes; 0, only in the file,
    means as many as the cameras need (`Settings.for_cameras`). `pre_roll_memory`: bytes that all
    cameras' pre-rolls may take together.
    """

    workers: Annotated[int, Field(ge=0, le=64)] = 0
    pre_roll_memory: Size = 1_000_000_000
    segment: Annotated[Nanoseconds, within("2 s", "10 min")] = 60 * SECOND
    sweep: Annotated[Nanoseconds, within("20 ms", "1 s")] = 3 * SECOND // 10


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
    """`[[retention]]`. `cameras`: ids, globs or group:NAME; the last rule that matches wins.

    `keep`: older footage goes (None: not by age). `quota`: bytes of each camera, `quota_all`:
    bytes of all the rule's cameras together; what is over goes, the oldest first. `minimum`: what
    is younger goes for no quota, and for a full disk only when nothing else is left.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    keep: Annotated[Nanoseconds, within("1 min", "36500 d")] | None = None
    quota: Size | None = None
    quota_all: Size | None = None
    minimum: Annotated[Nanoseconds, within("0 s", "3650 d")] = 0
    # Bounded, because each change of a rule is one line of the ledger.
    cameras: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=400)
    ] = ("*",)
    reason: Annotated[str, Field(max_length=500)] = ""

    @model_validator(mode="after")
    def _agree(self) -> RetentionRule:
        if self.keep is not None and self.minimum > self.keep:
            raise ValueError("minimum is longer than keep; nothing could ever be deleted by it")
        if self.quota == 0 or self.quota_all == 0:
            raise ValueError(
                "a quota of 0 would delete everything; leave it out, or give it a size such as "
                "'500 GB'"
            )
        if not self.cameras:
            raise ValueError('cameras is empty: the rule is for nobody; ["*"] means all')
        return self


class TierSettings(_Value):
    """`[[tiers]]`: an S3-compatible bucket that segments older than `after` move to.

    `url`: s3://BUCKET or s3://BUCKET/PREFIX; `endpoint`: where the service answers, None for
    AWS. `cameras`: whose footage moves: ids, globs or group:NAME. `scrub`: whether it is read
    again with everything else, where a service may charge for reading.
    """

    name: Annotated[str, Field(min_length=1, max_length=100)]
    url: Annotated[str, Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/\S*)?$")]
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    region: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "us-east-1"
    access_key: Annotated[str, Field(pattern=r"^[!-~]{1,256}$")] | None = None
    secret_key: SecretText | None = None
    after: Annotated[Nanoseconds, within("1 min", "36500 d")]
    cameras: tuple[str, ...] = ("*",)
    scrub: bool = True

    @model_validator(mode="after")
    def _agree(self) -> TierSettings:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together: give both, or neither")
        return self


class LedgerSettings(_Value):
    """`[ledger]`. `authority`: an RFC 3161 time-stamping service that stamps checkpoints.

    `certificates`: PEM of the authority's chain, to verify its stamps with.
    """

    authority: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    certificates: Folder | None = None
    every: Annotated[Nanoseconds, within("1 min", "30 d")] = 3600 * SECOND


class AuditSettings(_Value):
    """`[audit]`. `keep`: how long it is kept who did and saw what; older entries are deleted.

    `syslog`: where each entry is sent to, as `tls://siem.example.org:6514`, `tcp://…` or `udp://…`;
    `certificates`: PEM of who signed the collector's certificate, else the machine's; `form`: the
    message as structured data alone, or as CEF beside it. `spool`: entries that wait while the
    collector is away; older ones are then left out, and that is an entry itself.
    """

    keep: Annotated[Nanoseconds, within("30 d", "36500 d")] = 730 * 86_400 * SECOND
    syslog: Annotated[str, Field(pattern=r"^(tls|tcp|udp)://[^/\s@]+:\d{1,5}$")] | None = None
    certificates: Folder | None = None
    form: Literal["syslog", "cef"] = "syslog"
    spool: Annotated[int, Field(ge=1_000, le=100_000_000)] = 1_000_000


class CustodySettings(_Value):
    """`[custody]`. `scrub`: everything stored is read again once in this time; 0: never.

    `cache`: bytes of segments fetched from buckets that are kept in the data folder at most.
    """

    scrub: Annotated[Nanoseconds, within("0 s", "3650 d")] = 30 * 86_400 * SECOND
    cache: Size = 2_000_000_000


class ScheduleSettings(_Value):
    """`[[schedules]]`: hours of a week by the site's clock, such as `mon-fri 08:00-18:00`.

    Over midnight: `fri 22:00-06:00`; a whole day: `sun 00:00-24:00`; every day: `daily …`.
    """

    name: ScheduleName
    spans: Annotated[tuple[Annotated[str, Field(max_length=100)], ...], AfterValidator(_week)]

    def weekly(self, zone: str) -> Weekly:
        """The schedule by the clock of a zone."""
        return Weekly(self.name, parse_week_spans(self.spans), zone)


def _network(value: object) -> object:
    try:
        return str(ipaddress.ip_network(str(value)))
    except ValueError:
        raise ValueError(f"{value!r} is not a network such as 10.0.0.0/8") from None


class OnvifSettings(_Value):
    """`[onvif]`. `networks`: only addresses in these are dialled to find and ask cameras.

    By default what no router passes on (RFC 1918, RFC 4193, link-local) and this machine.
    """

    networks: tuple[Annotated[str, BeforeValidator(_network)], ...] = (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )


class NetworkSettings(_Value):
    """`[network]`: whom this site dials. `deny` goes before `allow`.

    By default private networks. This machine and what is link-local are not among them; an address
    that the settings file itself names, by its number, is. Services that only the file can name
    (an authority, a bucket) may be anywhere but in `deny`.
    """

    allow: tuple[Annotated[str, BeforeValidator(_network)], ...] = PRIVATE
    deny: tuple[Annotated[str, BeforeValidator(_network)], ...] = METADATA


class PtzSettings(_Value):
    """`[ptz]`: steering by people. `purpose`: whether a camera is steered only for a purpose, or
    the number of an order, that is given and kept. `idle`: without a command, who steers lets go
    after it; `rest`: a patrol goes on so long after the last command.
    """

    purpose: Literal["optional", "required"] = "optional"
    idle: Annotated[Nanoseconds, within("5 s", "10 min")] = 30 * SECOND
    rest: Annotated[Nanoseconds, within("5 s", "1 h")] = 60 * SECOND


class Location(_Value):
    """A place on the map: degrees; `heading` from north clockwise, `fov` the view's width."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]
    heading: Annotated[float, Field(ge=0, le=360)] | None = None
    fov: Annotated[float, Field(gt=0, le=360)] | None = None


class CameraSettings(_Value):
    """`[[cameras]]`. User and password never stay in `source` and `sub`, even if written there.

    `privacy`: a schedule whose hours are never recorded and never shown. `pre_roll`, `post_roll`:
    how much is kept before and after an event, where events are what is recorded. `onvif`: where
    the camera is asked and steered, `http://10.0.0.5/onvif/device_service`; None if it is not.
    `onvif_certificate`: which one is taken where it is asked over https: any (cameras sign theirs
    themselves), one that an authority vouches for, or that of a SHA-256.
    `motion`: what is looked for in its sub stream; None: nothing is.
    """

    id: Identifier
    name: Line = ""
    groups: Annotated[tuple[Group, ...], Field(max_length=50)] = ()
    source: Source
    sub: Source | None = None
    onvif: OnvifUrl | None = None
    onvif_certificate: Certificate = "any"
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
        if not values.get("name") and isinstance(values.get("id"), str):
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


def _workers_for(cameras: int) -> int:
    return min(os.cpu_count() or 1, max(1, -(-cameras // CAMERAS_PER_WORKER)))


class Settings(_Value):
    """One cameras.toml, complete. Paths are absolute."""

    file: Path
    system: SystemSettings = SystemSettings()
    web: WebSettings = WebSettings()
    recorder: RecorderSettings = RecorderSettings()
    live: LiveSettings = LiveSettings()
    volumes: tuple[VolumeSettings, ...] = ()
    retention: tuple[RetentionRule, ...] = ()
    tiers: tuple[TierSettings, ...] = ()
    ledger: LedgerSettings = LedgerSettings()
    audit: AuditSettings = AuditSettings()
    custody: CustodySettings = CustodySettings()
    schedules: tuple[ScheduleSettings, ...] = ()
    onvif: OnvifSettings = OnvifSettings()
    ptz: PtzSettings = PtzSettings()
    network: NetworkSettings = NetworkSettings()
    oidc: OidcSettings | None = None
    ldap: LdapSettings | None = None
    cameras: tuple[CameraSettings, ...] = ()

    @model_validator(mode="after")
    def _share_out(self) -> Settings:
        """Workers for the cameras of the file, where it does not say how many."""
        if self.recorder.workers == 0:
            workers = _workers_for(len(self.cameras))
            recorder = self.recorder.model_copy(update={"workers": workers})
            recorder.model_fields_set.discard("workers")
            self.__dict__["recorder"] = recorder
        return self

    @model_validator(mode="after")
    def _reach_what_is_named(self) -> Settings:
        """Into `allow`, so that it is kept with the settings where the cameras are not."""
        urls = [url for one in self.cameras for url in (one.source, one.sub, one.onvif) if url]
        hosts = {host for url in urls if (host := urlsplit(url).hostname)}
        allow = dict.fromkeys((*self.network.allow, *named(sorted(hosts))))
        self.__dict__["network"] = self.network.model_copy(update={"allow": tuple(allow)})
        return self

    @property
    def reach(self) -> Networks:
        """Where cameras are dialled."""
        return Networks(self.network.allow, self.network.deny)

    @property
    def services(self) -> Networks:
        """Where services are dialled that only the settings file can name."""
        return Networks(EVERYWHERE, self.network.deny)

    def for_cameras(self, count: int) -> Settings:
        """The same with enough workers for so many cameras, unless the file says how many."""
        if "workers" in self.recorder.model_fields_set:
            return self
        recorder = self.recorder.model_copy(update={"workers": _workers_for(count)})
        recorder.model_fields_set.discard("workers")
        return self.model_copy(update={"recorder": recorder})

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
