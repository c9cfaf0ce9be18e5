"""The device service (ONVIF Core §8): who the device is, its time, its network, its services."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from urllib.parse import quote
from xml.sax.saxutils import escape

from vms.core.clock import SECOND
from vms.simulator.onvif.device import Device
from vms.simulator.onvif.soap import NAMESPACES, Call, SoapFault

MAKE, MODEL, FIRMWARE = "Gozcu", "Simulated PTZ", "1.4.2"
Answer = Callable[[Device, Call], str]

# Path, namespace prefix and version of each service.
SERVICES = (
    ("device_service", "tds", "2", "60"),
    ("media_service", "trt", "2", "60"),
    ("media2_service", "tr2", "2", "60"),
    ("ptz_service", "tptz", "2", "60"),
    ("imaging_service", "timg", "2", "60"),
    ("event_service", "tev", "2", "60"),
)


def _time(device: Device, call: Call) -> str:
    now = dt.datetime.fromtimestamp(device.seconds, dt.UTC)
    parts = (
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
        f"<tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year>"
        f"<tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
    )
    kind = "NTP" if device.time_from_ntp else "Manual"
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime>"
        f"<tt:DateTimeType>{kind}</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>"
        f"<tt:TimeZone><tt:TZ>UTC0</tt:TZ></tt:TimeZone><tt:UTCDateTime>{parts}</tt:UTCDateTime>"
        f"<tt:LocalDateTime>{parts}</tt:LocalDateTime>"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def _set_time(device: Device, call: Call) -> str:
    device.time_from_ntp = call.text("DateTimeType") == "NTP"
    if not device.time_from_ntp:
        names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
        try:
            wanted = dt.datetime(*(int(call.text(name)) for name in names), tzinfo=dt.UTC)  # type: ignore[misc, arg-type]
        except ValueError as error:
            raise SoapFault("ter:InvalidDateTime", str(error)) from error
        right = device.clock.now() + device.faults.jump
        # Never 0: it also means that the clock was set since it began at 1970.
        device.signin.clock_shift = int(wanted.timestamp()) * SECOND - right or 1
    return "<tds:SetSystemDateAndTimeResponse/>"


def _information(device: Device, call: Call) -> str:
    return (
        f"<tds:GetDeviceInformationResponse><tds:Manufacturer>{MAKE}</tds:Manufacturer>"
        f"<tds:Model>{MODEL}</tds:Model><tds:FirmwareVersion>{FIRMWARE}</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{device.serial}</tds:SerialNumber>"
        "<tds:HardwareId>1</tds:HardwareId></tds:GetDeviceInformationResponse>"
    )


def _capabilities(device: Device, call: Call) -> str:
    def xaddr(service: str) -> str:
        return f"<tt:XAddr>{device.url(service)}</tt:XAddr>"

    return (
        "<tds:GetCapabilitiesResponse><tds:Capabilities>"
        f"<tt:Device>{xaddr('device_service')}</tt:Device>"
        f"<tt:Events>{xaddr('event_service')}"
        "<tt:WSSubscriptionPolicySupport>false</tt:WSSubscriptionPolicySupport>"
        "<tt:WSPullPointSupport>true</tt:WSPullPointSupport>"
        "<tt:WSPausableSubscriptionManagerInterfaceSupport>false"
        "</tt:WSPausableSubscriptionManagerInterfaceSupport></tt:Events>"
        f"<tt:Imaging>{xaddr('imaging_service')}</tt:Imaging>"
        f"<tt:Media>{xaddr('media_service')}<tt:StreamingCapabilities>"
        "<tt:RTPMulticast>false</tt:RTPMulticast><tt:RTP_TCP>true</tt:RTP_TCP>"
        "<tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities></tt:Media>"
        f"<tt:PTZ>{xaddr('ptz_service')}</tt:PTZ>"
        "</tds:Capabilities></tds:GetCapabilitiesResponse>"
    )


def _services(device: Device, call: Call) -> str:
    services = "".join(
        f"<tds:Service><tds:Namespace>{NAMESPACES[prefix]}</tds:Namespace>"
        f"<tds:XAddr>{device.url(path)}</tds:XAddr><tds:Version><tt:Major>{major}</tt:Major>"
        f"<tt:Minor>{minor}</tt:Minor></tds:Version></tds:Service>"
        for path, prefix, major, minor in SERVICES
        if prefix != "tptz" or "onvif-fixed" not in device.faults
    )
    return f"<tds:GetServicesResponse>{services}</tds:GetServicesResponse>"


def _service_capabilities(device: Device, call: Call) -> str:
    return (
        "<tds:GetServiceCapabilitiesResponse><tds:Capabilities>"
        '<tds:Network NTP="1"/><tds:Security UsernameToken="true" HttpDigest="true"/>'
        '<tds:System DiscoveryResolve="false" DiscoveryBye="false"/>'
        "</tds:Capabilities></tds:GetServiceCapabilitiesResponse>"
    )


def _interfaces(device: Device, call: Call) -> str:
    host = device.address.rpartition(":")[0].strip("[]")
    return (
        '<tds:GetNetworkInterfacesResponse><tds:NetworkInterfaces token="eth0">'
        "<tt:Enabled>true</tt:Enabled><tt:Info><tt:Name>eth0</tt:Name>"
        f"<tt:HwAddress>{device.mac}</tt:HwAddress><tt:MTU>1500</tt:MTU></tt:Info>"
        "<tt:IPv4><tt:Enabled>true</tt:Enabled><tt:Config><tt:Manual>"
        f"<tt:Address>{host}</tt:Address><tt:PrefixLength>24</tt:PrefixLength></tt:Manual>"
        "<tt:DHCP>false</tt:DHCP></tt:Config></tt:IPv4>"
        "</tds:NetworkInterfaces></tds:GetNetworkInterfacesResponse>"
    )


def _users(device: Device, call: Call) -> str:
    return (
        f"<tds:GetUsersResponse><tds:User><tt:Username>{escape(device.signin.username)}"
        "</tt:Username><tt:UserLevel>Administrator</tt:UserLevel></tds:User></tds:GetUsersResponse>"
    )


def _ntp(device: Device, call: Call) -> str:
    return (
        "<tds:GetNTPResponse><tds:NTPInformation><tt:FromDHCP>false</tt:FromDHCP><tt:NTPManual>"
        f"<tt:Type>{'IPv4' if device.ntp[:1].isdigit() else 'DNS'}</tt:Type>"
        + (
            f"<tt:IPv4Address>{device.ntp}</tt:IPv4Address>"
            if device.ntp[:1].isdigit()
            else f"<tt:DNSname>{escape(device.ntp)}</tt:DNSname>"
        )
        + "</tt:NTPManual></tds:NTPInformation></tds:GetNTPResponse>"
    )


def _set_ntp(device: Device, call: Call) -> str:
    device.ntp = call.text("IPv4Address") or call.text("DNSname") or device.ntp
    return "<tds:SetNTPResponse/>"


def _reboot(device: Device, call: Call) -> str:
    device.reboots += 1
    return (
        "<tds:SystemRebootResponse><tds:Message>Rebooting</tds:Message></tds:SystemRebootResponse>"
    )


def _system_uris(device: Device, call: Call) -> str:
    if "onvif-inline-backup" in device.faults:
        raise SoapFault("ter:ActionNotSupported", "GetSystemUris is not served here")
    return (
        f"<tds:GetSystemUrisResponse><tds:SystemBackupUri>{device.url('backup')}"
        "</tds:SystemBackupUri></tds:GetSystemUrisResponse>"
    )


def _backup(device: Device, call: Call) -> str:
    data = base64.b64encode(device.configuration).decode()
    return (
        "<tds:GetSystemBackupResponse><tds:BackupFiles><tt:Name>configuration</tt:Name>"
        f"<tt:Data>{data}</tt:Data></tds:BackupFiles></tds:GetSystemBackupResponse>"
    )


def scopes(device: Device) -> tuple[str, ...]:
    """What the device says of itself to everybody (Core §7.3.2.2)."""
    base = "onvif://www.onvif.org"
    return (
        f"{base}/type/video_encoder", f"{base}/type/ptz", f"{base}/Profile/Streaming",
        f"{base}/Profile/T", f"{base}/name/{quote(f'{MAKE} {device.name}')}",
        f"{base}/hardware/{quote(MODEL)}", f"{base}/MAC/{device.mac}",
    )  # fmt: skip


def _scopes(device: Device, call: Call) -> str:
    items = "".join(
        f"<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>{scope}</tt:ScopeItem>"
        "</tds:Scopes>"
        for scope in scopes(device)
    )
    return f"<tds:GetScopesResponse>{items}</tds:GetScopesResponse>"


def _hostname(device: Device, call: Call) -> str:
    return (
        "<tds:GetHostnameResponse><tds:HostnameInformation><tt:FromDHCP>false</tt:FromDHCP>"
        f"<tt:Name>{device.name}</tt:Name></tds:HostnameInformation></tds:GetHostnameResponse>"
    )


def _dns(device: Device, call: Call) -> str:
    return (
        "<tds:GetDNSResponse><tds:DNSInformation><tt:FromDHCP>false</tt:FromDHCP>"
        "</tds:DNSInformation></tds:GetDNSResponse>"
    )


def _gateway(device: Device, call: Call) -> str:
    return (
        "<tds:GetNetworkDefaultGatewayResponse><tds:NetworkGateway>"
        "<tt:IPv4Address>192.0.2.254</tt:IPv4Address>"
        "</tds:NetworkGateway></tds:GetNetworkDefaultGatewayResponse>"
    )


ANSWERS: dict[str, Answer] = {
    "GetSystemDateAndTime": _time,
    "SetSystemDateAndTime": _set_time,
    "GetDeviceInformation": _information,
    "GetCapabilities": _capabilities,
    "GetServices": _services,
    "GetServiceCapabilities": _service_capabilities,
    "GetNetworkInterfaces": _interfaces,
    "GetUsers": _users,
    "GetNTP": _ntp,
    "SetNTP": _set_ntp,
    "SystemReboot": _reboot,
    "GetSystemUris": _system_uris,
    "GetSystemBackup": _backup,
    "GetScopes": _scopes,
    "GetHostname": _hostname,
    "GetDNS": _dns,
    "GetNetworkDefaultGateway": _gateway,
}
