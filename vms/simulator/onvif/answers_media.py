"""Media (ONVIF Media §5) and Media2: profiles, encoders, where streams and snapshots are.

The first knows no H.265: profiles of that codec are only in the second, as with real cameras.
"""

from __future__ import annotations

from urllib.parse import quote
from xml.sax.saxutils import escape

from vms.simulator.onvif.answers_device import Answer
from vms.simulator.onvif.device import Device
from vms.simulator.onvif.soap import Call, SoapFault
from vms.simulator.spec import VideoSpec

_MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address>"
    "</tt:Address><tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart>"
    "</tt:Multicast>"
)
_PROFILES = {"baseline": "Baseline", "main": "Main", "high": "High"}


def _videos(device: Device, *, old: bool) -> dict[str, VideoSpec]:
    if "onvif-no-profile" in device.faults:
        return {}
    return {name: one for name, one in device.videos.items() if not old or one.codec == "h264"}


def _channels(device: Device) -> int:
    """How many video sources the device has; all show the same."""
    fault = device.faults.get("onvif-channels")
    return max(1, fault["count"]) if fault is not None else 1


def _of(channel: int) -> str:
    """What tokens of a channel end in."""
    return f".{channel}" if channel > 1 else ""


def _source(device: Device, tag: str, channel: int) -> str:
    largest = max(device.videos.values(), key=lambda video: video.width)
    end = _of(channel)
    return (
        f'<{tag} token="vsc{end}"><tt:Name>Picture</tt:Name><tt:UseCount>2</tt:UseCount>'
        f'<tt:SourceToken>vs{end}</tt:SourceToken><tt:Bounds x="0" y="0" '
        f'width="{largest.width}" height="{largest.height}"/></{tag}>'
    )


def ptz_configuration(tag: str) -> str:
    """The one PTZ configuration of a device."""
    base = "http://www.onvif.org/ver10/tptz"
    return (
        f'<{tag} token="ptz"><tt:Name>Head</tt:Name><tt:UseCount>2</tt:UseCount>'
        "<tt:NodeToken>head</tt:NodeToken><tt:DefaultAbsolutePantTiltPositionSpace>"
        f"{base}/PanTiltSpaces/PositionGenericSpace</tt:DefaultAbsolutePantTiltPositionSpace>"
        "<tt:DefaultContinuousPanTiltVelocitySpace>"
        f"{base}/PanTiltSpaces/VelocityGenericSpace</tt:DefaultContinuousPanTiltVelocitySpace>"
        f"<tt:DefaultPTZTimeout>PT10S</tt:DefaultPTZTimeout></{tag}>"
    )


def _resolution(video: VideoSpec) -> str:
    return (
        f"<tt:Resolution><tt:Width>{video.width}</tt:Width><tt:Height>{video.height}</tt:Height>"
        "</tt:Resolution>"
    )


def _encoder(name: str, video: VideoSpec, tag: str) -> str:
    return (
        f'<{tag} token="enc-{name}"><tt:Name>{name}</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:Encoding>H264</tt:Encoding>{_resolution(video)}<tt:Quality>5</tt:Quality>"
        f"<tt:RateControl><tt:FrameRateLimit>{video.fps}</tt:FrameRateLimit>"
        "<tt:EncodingInterval>1</tt:EncodingInterval>"
        f"<tt:BitrateLimit>{video.bitrate // 1000}</tt:BitrateLimit></tt:RateControl>"
        f"<tt:H264><tt:GovLength>{video.gop}</tt:GovLength>"
        f"<tt:H264Profile>{_PROFILES[video.profile]}</tt:H264Profile></tt:H264>"
        f"{_MULTICAST}<tt:SessionTimeout>PT60S</tt:SessionTimeout></{tag}>"
    )


def _encoder2(name: str, video: VideoSpec, tag: str) -> str:
    return (
        f'<{tag} token="enc-{name}" GovLength="{video.gop}" Profile="{_PROFILES[video.profile]}">'
        f"<tt:Name>{name}</tt:Name><tt:UseCount>1</tt:UseCount>"
        f"<tt:Encoding>{video.codec.upper()}</tt:Encoding>{_resolution(video)}"
        f'<tt:RateControl ConstantBitRate="false"><tt:FrameRateLimit>{video.fps}'
        f"</tt:FrameRateLimit><tt:BitrateLimit>{video.bitrate // 1000}</tt:BitrateLimit>"
        f"</tt:RateControl>{_MULTICAST}<tt:Quality>5</tt:Quality></{tag}>"
    )


def _profile(device: Device, name: str, video: VideoSpec, tag: str, channel: int = 1) -> str:
    turns = channel == _channels(device)
    return (
        f'<{tag} token="profile-{name}{_of(channel)}" fixed="true"><tt:Name>{name}</tt:Name>'
        f"{_source(device, 'tt:VideoSourceConfiguration', channel)}"
        f"{_encoder(name, video, 'tt:VideoEncoderConfiguration')}"
        f"{ptz_configuration('tt:PTZConfiguration') if turns else ''}</{tag}>"
    )


def _profiles(device: Device, call: Call) -> str:
    found = _videos(device, old=True).items()
    inner = "".join(
        _profile(device, name, video, "trt:Profiles", channel)
        for channel in range(1, _channels(device) + 1)
        for name, video in found
    )
    return f"<trt:GetProfilesResponse>{inner}</trt:GetProfilesResponse>"


def _one_profile(device: Device, call: Call) -> str:
    name = _named(device, call, old=True)
    inner = _profile(device, name, device.videos[name], "trt:Profile")
    return f"<trt:GetProfileResponse>{inner}</trt:GetProfileResponse>"


def _profiles2(device: Device, call: Call) -> str:
    wanted = {one.text for one in call.body.iter() if one.tag.endswith("}Type")}
    inner, channels = "", _channels(device)
    videos = _videos(device, old=False).items()
    for channel, name, video in ((n, *one) for n in range(1, channels + 1) for one in videos):
        parts = {
            "VideoSource": _source(device, "tr2:VideoSource", channel),
            "VideoEncoder": _encoder2(name, video, "tr2:VideoEncoder"),
            "PTZ": ptz_configuration("tr2:PTZ") if channel == channels else "",
        }
        shown = "".join(xml for key, xml in parts.items() if wanted & {key, "All"})
        inner += (
            f'<tr2:Profiles token="profile-{name}{_of(channel)}" fixed="true">'
            f"<tr2:Name>{name}</tr2:Name>"
            f"<tr2:Configurations>{shown}</tr2:Configurations></tr2:Profiles>"
        )
    return f"<tr2:GetProfilesResponse>{inner}</tr2:GetProfilesResponse>"


def _named(device: Device, call: Call, *, old: bool) -> str:
    token = call.text("ProfileToken")
    name = token.removeprefix("profile-").partition(".")[0]
    if name not in _videos(device, old=old):
        raise SoapFault("ter:NoProfile", f"there is no profile {token!r}")
    return name


def _query(call: Call) -> str:
    """How the addresses of a channel differ."""
    channel = call.text("ProfileToken").partition(".")[2]
    return f"?channel={escape(channel)}" if channel else ""


def _stream_uri(device: Device, call: Call) -> str:
    return (
        "<trt:GetStreamUriResponse><trt:MediaUri>"
        f"<tt:Uri>{device.stream_url(_named(device, call, old=True))}{_query(call)}</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
        "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT60S</tt:Timeout>"
        "</trt:MediaUri></trt:GetStreamUriResponse>"
    )


def _stream_uri2(device: Device, call: Call) -> str:
    uri = device.stream_url(_named(device, call, old=False)) + _query(call)
    return f"<tr2:GetStreamUriResponse><tr2:Uri>{uri}</tr2:Uri></tr2:GetStreamUriResponse>"


def _snapshot(device: Device, name: str) -> str:
    return device.url(f"snapshot/{quote(name)}.jpg")


def _snapshot_uri(device: Device, call: Call) -> str:
    return (
        "<trt:GetSnapshotUriResponse><trt:MediaUri>"
        f"<tt:Uri>{_snapshot(device, _named(device, call, old=True))}{_query(call)}</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
        "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT60S</tt:Timeout>"
        "</trt:MediaUri></trt:GetSnapshotUriResponse>"
    )


def _snapshot_uri2(device: Device, call: Call) -> str:
    uri = _snapshot(device, _named(device, call, old=False)) + _query(call)
    return f"<tr2:GetSnapshotUriResponse><tr2:Uri>{uri}</tr2:Uri></tr2:GetSnapshotUriResponse>"


def _sources(device: Device, call: Call) -> str:
    largest = max(device.videos.values(), key=lambda video: video.width)
    inner = "".join(
        f'<trt:VideoSources token="vs{_of(channel)}">'
        f"<tt:Framerate>{largest.fps}</tt:Framerate>{_resolution(largest)}</trt:VideoSources>"
        for channel in range(1, _channels(device) + 1)
    )
    return f"<trt:GetVideoSourcesResponse>{inner}</trt:GetVideoSourcesResponse>"


def _encoders(device: Device, call: Call) -> str:
    found = _videos(device, old=True).items()
    inner = "".join(_encoder(name, video, "trt:Configurations") for name, video in found)
    name = "GetVideoEncoderConfigurationsResponse"
    return f"<trt:{name}>{inner}</trt:{name}>"


def _encoders2(device: Device, call: Call) -> str:
    found = _videos(device, old=False).items()
    inner = "".join(_encoder2(name, video, "tr2:Configurations") for name, video in found)
    name = "GetVideoEncoderConfigurationsResponse"
    return f"<tr2:{name}>{inner}</tr2:{name}>"


def _one_encoder(device: Device, call: Call) -> str:
    token = call.text("ConfigurationToken")
    name = token.removeprefix("enc-")
    found = _videos(device, old=True)
    if name not in found:
        raise SoapFault("ter:NoConfig", f"there is no configuration {token!r}")
    inner = _encoder(name, found[name], "trt:Configuration")
    tag = "GetVideoEncoderConfigurationResponse"
    return f"<trt:{tag}>{inner}</trt:{tag}>"


def _span(tag: str, low: int, high: int) -> str:
    return f"<tt:{tag}><tt:Min>{low}</tt:Min><tt:Max>{high}</tt:Max></tt:{tag}>"


def _encoder_options(device: Device, call: Call) -> str:
    """What could be set: every size that one of the streams has, and no more."""
    found = _videos(device, old=True).values()
    sizes = "".join(
        f"<tt:ResolutionsAvailable><tt:Width>{one.width}</tt:Width><tt:Height>{one.height}"
        "</tt:Height></tt:ResolutionsAvailable>"
        for one in found
    )
    most = max((one.fps for one in found), default=1)
    tag = "GetVideoEncoderConfigurationOptionsResponse"
    return (
        f"<trt:{tag}><trt:Options>{_span('QualityRange', 1, 5)}<tt:H264>{sizes}"
        f"{_span('GovLengthRange', 1, 300)}{_span('FrameRateRange', 1, most)}"
        f"{_span('EncodingIntervalRange', 1, 1)}"
        "<tt:H264ProfilesSupported>Main</tt:H264ProfilesSupported></tt:H264>"
        f"</trt:Options></trt:{tag}>"
    )


MEDIA: dict[str, Answer] = {
    "GetProfiles": _profiles,
    "GetProfile": _one_profile,
    "GetStreamUri": _stream_uri,
    "GetSnapshotUri": _snapshot_uri,
    "GetVideoSources": _sources,
    "GetVideoEncoderConfigurations": _encoders,
    "GetVideoEncoderConfiguration": _one_encoder,
    "GetVideoEncoderConfigurationOptions": _encoder_options,
}
MEDIA2: dict[str, Answer] = {
    "GetProfiles": _profiles2,
    "GetStreamUri": _stream_uri2,
    "GetSnapshotUri": _snapshot_uri2,
    "GetVideoEncoderConfigurations": _encoders2,
}
