"""What a simulated fleet is made of: its settings, as values and as TOML.

FleetSettings
└── CameraSpec          one camera: main picture, sub picture, sound, sign-in, faults
    ├── VideoSpec       one coded picture
    └── ScheduledFault  a fault that comes and goes by itself
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vms.core.errors import ConfigError
from vms.core.model import is_camera_id
from vms.simulator.faults import check_fault
from vms.simulator.nal import Codec

Audio = Literal["none", "aac", "pcma", "pcmu"]
Auth = Literal["none", "basic", "digest"]
Algorithm = Literal["MD5", "SHA-256"]
Profile = Literal["baseline", "main", "high"]


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """One coded picture. `bitrate`: the ceiling in bit/s. `gop`: pictures from key to key."""

    codec: Codec = "h264"
    width: int = 1280
    height: int = 720
    fps: int = 10
    bitrate: int = 1_500_000
    gop: int = 20
    profile: Profile = "main"
    bframes: int = 0


_MOST_LOAD = 1000  # names have three digits
SUB = VideoSpec(width=320, height=180, fps=8, bitrate=250_000, gop=16, profile="baseline")


@dataclass(frozen=True, slots=True)
class ScheduledFault:
    """A fault that comes `after` seconds, lasts `lasting` seconds, again every `every` seconds."""

    name: str
    every: int = 120
    lasting: int = 20
    after: int = 60
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One simulated camera.

    `file`: replay this video file in a loop, untouched, instead of drawn pictures. `port`: an
    own RTSP port beside the fleet's (0: any free one), so that the fault `stop` refuses the TCP
    connection itself. `tls`: its ONVIF device speaks HTTPS only, with a certificate of its own.
    """

    id: str
    name: str = ""
    video: VideoSpec = VideoSpec()
    sub: VideoSpec | None = SUB
    audio: Audio = "none"
    auth: Auth = "none"
    algorithm: Algorithm = "MD5"
    username: str = "vms"
    password: str = field(default="gozcu", repr=False)
    seed: int = 1
    file: Path | None = None
    port: int | None = None
    tls: bool = False
    faults: tuple[ScheduledFault, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """All cameras of one simulator process.

    `load`: that many more cameras `load-000`, `load-001`, … that replay `load_video`, coded once
    and kept under `cache`. `timezone`: of the clock drawn into the pictures. `onvif`: each of
    `cameras` has an ONVIF device at a port of its own as well, found by WS-Discovery at
    `discovery_port` (0: any free one); the first one's port is `onvif_port`, the next ones follow
    (0: any free ones).
    """

    cameras: tuple[CameraSpec, ...] = ()
    load: int = 0
    load_video: VideoSpec = VideoSpec(
        width=1920, height=1080, fps=25, bitrate=4_000_000, gop=50, profile="high"
    )
    load_sub: VideoSpec = VideoSpec(
        width=320, height=180, fps=25, bitrate=250_000, gop=50, profile="baseline"
    )
    timezone: str = "Europe/Istanbul"
    cache: Path | None = None
    seed: int = 1
    onvif: bool = False
    discovery_port: int = 3702
    onvif_port: int = 0


def _video(width: int, height: int, fps: int, bitrate: int, **more: Any) -> VideoSpec:
    return VideoSpec(width=width, height=height, fps=fps, bitrate=bitrate, gop=2 * fps, **more)


DEMO_FLEET = FleetSettings(
    cameras=(
        CameraSpec("kuzey-kapi", "Kuzey Kapı", _video(1920, 1080, 10, 2_500_000), seed=3),
        CameraSpec("meydan-1", "Meydan 1", _video(1280, 720, 12, 1_500_000), seed=11),
        CameraSpec("pazar-yeri", "Pazar Yeri", _video(640, 360, 8, 700_000, codec="h265"), seed=23),
        CameraSpec(
            "otogar-giris", "Otogar Giriş", _video(1280, 720, 10, 1_500_000), audio="aac", seed=31
        ),
        CameraSpec(
            "itfaiye-onu",
            "İtfaiye Önü",
            _video(1280, 720, 8, 1_200_000, profile="high"),
            audio="pcma",
            auth="digest",
            seed=47,
        ),
        CameraSpec(
            "kopru-alti",
            "Köprü Altı",
            _video(960, 540, 10, 1_000_000),
            seed=59,
            faults=(ScheduledFault("stop", every=180, lasting=25, after=75),),
        ),
    )
)


def load_fleet(path: Path) -> FleetSettings:
    """Read a fleet from TOML: keys of FleetSettings, `[[cameras]]`, `[cameras.video]`.

    Raises ConfigError naming file, key and remedy.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", file=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not TOML: {error}", file=str(path)) from error
    cameras = tuple(_camera(item, str(path)) for item in raw.pop("cameras", []))
    for key in ("load_video", "load_sub"):
        if key in raw:
            raw[key] = _build(VideoSpec, raw[key], str(path), key)
    if "cache" in raw:
        raw["cache"] = Path(raw["cache"])
    settings: FleetSettings = _build(FleetSettings, {**raw, "cameras": cameras}, str(path), "")
    check_fleet(settings, str(path))
    return settings


def check_fleet(settings: FleetSettings, file: str | None = None) -> None:
    """Raise ConfigError if two cameras share an id, or one cannot be simulated."""
    if not 0 <= settings.load <= _MOST_LOAD:
        raise ConfigError(f"{settings.load} is not 0 to {_MOST_LOAD}", file=file, key="load")
    seen: set[str] = set()
    for camera in settings.cameras:
        key = f"cameras.{camera.id}"
        if not is_camera_id(camera.id):
            raise ConfigError(f"{camera.id!r} is not a slug", file=file, key=key)
        if camera.id in seen:
            raise ConfigError("is there twice", file=file, key=key, remedy="ids are unique")
        seen.add(camera.id)
        if camera.file is not None and not camera.file.is_file():
            raise ConfigError(f"{camera.file} is no file", file=file, key=f"{key}.file")
        for video in (camera.video, camera.sub):
            if video is not None:
                _check_video(video, file, key)
        for fault in camera.faults:
            check_fault(fault.name, fault.args)


def _check_video(video: VideoSpec, file: str | None, key: str) -> None:
    if video.width % 2 or video.height % 2 or not (video.width >= 64 and video.height >= 36):
        size = f"{video.width}×{video.height}"
        raise ConfigError(f"size {size} is not even or too small", file=file, key=key)
    if video.codec not in ("h264", "h265") or not 1 <= video.fps <= 120 or video.gop < 1:
        raise ConfigError("needs codec h264 or h265, fps 1 to 120, gop ≥ 1", file=file, key=key)


def _camera(item: dict[str, Any], file: str) -> CameraSpec:
    item = dict(item)
    key = f"cameras.{item.get('id', '?')}"
    if "video" in item:
        item["video"] = _build(VideoSpec, item["video"], file, f"{key}.video")
    if item.get("sub") is False:
        item["sub"] = None
    elif "sub" in item:
        item["sub"] = _build(VideoSpec, item["sub"], file, f"{key}.sub", base=SUB)
    faults = item.pop("faults", [])
    item["faults"] = tuple(_build(ScheduledFault, one, file, f"{key}.faults") for one in faults)
    if "file" in item:
        item["file"] = Path(item["file"])
    camera: CameraSpec = _build(CameraSpec, item, file, key)
    return camera


def _build(kind: type, values: dict[str, Any], file: str, key: str, base: Any = None) -> Any:
    """A dataclass from a TOML table; unknown keys are refused by name."""
    known = [one.name for one in dataclasses.fields(kind)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(
            "unknown key", file=file, key=f"{key}.{unknown[0]}".lstrip("."), remedy=", ".join(known)
        )
    try:
        return dataclasses.replace(base, **values) if base is not None else kind(**values)
    except TypeError as error:
        raise ConfigError(str(error), file=file, key=key) from error
