"""Settings: what cameras.toml may say, as frozen values.

Here stands the whole and what concerns the site; the other sections stand in modules beside this
one (`config_camera`, `config_storage`, `config_directory`). `vms.core.config_file` reads the file
and turns what is wrong into an error with line and remedy.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import tempfile
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    model_validator,
)

from vms.core.clock import SECOND
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.config_directory import LdapSettings, OidcSettings
from vms.core.config_storage import (
    CustodySettings,
    LedgerSettings,
    RetentionRule,
    TierSettings,
    VolumeSettings,
)
from vms.core.config_values import Folder, Nanoseconds, Section, Size, within
from vms.core.errors import ConfigError
from vms.core.networks import EVERYWHERE, METADATA, PRIVATE, Networks, named

CAMERAS_PER_WORKER = 100
"""A worker of so many is a quarter of a core busy. With fewer, a second one only costs: its caches
are cold, and on two threads of one core it slows the first (docs/decisions/0006)."""

_SOCKET_PATH_MAX = 100  # sockaddr_un holds 108 bytes with the closing zero (unix(7))


def _zone(value: object) -> object:
    if not isinstance(value, str) or value not in zoneinfo.available_timezones():
        raise ValueError(f"{value!r} is not a time zone; use an IANA name such as Europe/Istanbul")
    return value


def _listen(value: object) -> object:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\s]+):(\d{1,5})", str(value))
    if match is None or not 0 < int(match[2]) <= 65_535:
        raise ValueError(f"{value!r} is not an address to listen on, such as 127.0.0.1:8080")
    return value


Zone = Annotated[str, BeforeValidator(_zone)]
Listen = Annotated[str, BeforeValidator(_listen)]


class SystemSettings(Section):
    """`[system]`. `timezone` is the site's: every screen, export and file name shows it."""

    name: str = "Gözcü"
    timezone: Zone = "Europe/Istanbul"
    data: Folder = Path("data")
    database: str | None = None


class WebSettings(Section):
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


class RecorderSettings(Section):
    """`[recorder]`. `segment`, `sweep`: nanoseconds. `workers`: processes; 0, only in the file,
    means as many as the cameras need (`Settings.for_cameras`). `pre_roll_memory`: bytes that all
    cameras' pre-rolls may take together.
    """

    workers: Annotated[int, Field(ge=0, le=64)] = 0
    pre_roll_memory: Size = 1_000_000_000
    segment: Annotated[Nanoseconds, within("2 s", "10 min")] = 60 * SECOND
    sweep: Annotated[Nanoseconds, within("20 ms", "1 s")] = 3 * SECOND // 10


class LiveSettings(Section):
    """`[live]`. `processes`: how many processes send live pictures to viewers."""

    processes: Annotated[int, Field(ge=1, le=16)] = 1


class AuditSettings(Section):
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


def _network(value: object) -> object:
    try:
        return str(ipaddress.ip_network(str(value)))
    except ValueError:
        raise ValueError(f"{value!r} is not a network such as 10.0.0.0/8") from None


class OnvifSettings(Section):
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


class NetworkSettings(Section):
    """`[network]`: whom this site dials. `deny` goes before `allow`.

    By default private networks. This machine and what is link-local are not among them; an address
    that the settings file itself names, by its number, is. Services that only the file can name
    (an authority, a bucket) may be anywhere but in `deny`.
    """

    allow: tuple[Annotated[str, BeforeValidator(_network)], ...] = PRIVATE
    deny: tuple[Annotated[str, BeforeValidator(_network)], ...] = METADATA


class PtzSettings(Section):
    """`[ptz]`: steering by people. `purpose`: whether a camera is steered only for a purpose, or
    the number of an order, that is given and kept. `idle`: without a command, who steers lets go
    after it; `rest`: a patrol goes on so long after the last command. `keep`: how long the log of
    commands is kept; older lines are deleted.
    """

    purpose: Literal["optional", "required"] = "optional"
    idle: Annotated[Nanoseconds, within("5 s", "10 min")] = 30 * SECOND
    rest: Annotated[Nanoseconds, within("5 s", "1 h")] = 60 * SECOND
    keep: Annotated[Nanoseconds, within("30 d", "36500 d")] = 730 * 86_400 * SECOND


def _workers_for(cameras: int) -> int:
    return min(os.cpu_count() or 1, max(1, -(-cameras // CAMERAS_PER_WORKER)))


class Settings(Section):
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
