"""The device service: who the camera is, its time, its configuration, its start."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import ipaddress
from xml.sax.saxutils import escape

from vms.cameras.onvif import reading
from vms.cameras.onvif.asking import UNKNOWN_CALL, Asking
from vms.cameras.onvif.port import DeviceFacts, OnvifError, Trouble
from vms.core.clock import SECOND

BACKUP_MAX = 16_000_000
"""Bytes of a configuration backup; real ones have some hundred kilobytes."""


class DeviceService:
    """Asks and changes the device itself."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def facts(self) -> DeviceFacts:
        """Make, model, firmware, serial, MAC, clock."""
        offset = await self._clock_offset()
        told = await self._asking.ask("tds", "<tds:GetDeviceInformation/>")
        return DeviceFacts(
            make=reading.name_of(told, "Manufacturer"),
            model=reading.name_of(told, "Model"),
            firmware=reading.name_of(told, "FirmwareVersion"),
            serial=reading.name_of(told, "SerialNumber"),
            mac=await self._mac(),
            clock_offset=offset,
        )

    async def set_time(self) -> None:
        """Set the camera's clock to ours, to the second; NTP is off afterwards."""
        now = dt.datetime.fromtimestamp(self._asking.clock.now() // SECOND, dt.UTC)
        await self._asking.ask(
            "tds",
            "<tds:SetSystemDateAndTime><tds:DateTimeType>Manual</tds:DateTimeType>"
            "<tds:DaylightSavings>false</tds:DaylightSavings><tds:UTCDateTime><tt:Time>"
            f"<tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
            f"<tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year>"
            f"<tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
            "</tds:UTCDateTime></tds:SetSystemDateAndTime>",
        )
        self._asking.forget_clock()

    async def set_ntp(self, server: str) -> None:
        """Name the NTP server and let the camera's clock follow it."""
        try:
            version = ipaddress.ip_address(server).version
            kind, tag = f"IPv{version}", f"IPv{version}Address"
        except ValueError:
            kind, tag = "DNS", "DNSname"
        await self._asking.ask(
            "tds",
            "<tds:SetNTP><tds:FromDHCP>false</tds:FromDHCP><tds:NTPManual>"
            f"<tt:Type>{kind}</tt:Type><tt:{tag}>{escape(server)}</tt:{tag}>"
            "</tds:NTPManual></tds:SetNTP>",
        )
        await self._asking.ask(
            "tds",
            "<tds:SetSystemDateAndTime><tds:DateTimeType>NTP</tds:DateTimeType>"
            "<tds:DaylightSavings>false</tds:DaylightSavings></tds:SetSystemDateAndTime>",
        )
        self._asking.forget_clock()

    async def reboot(self) -> None:
        """Start the camera again. One that hangs up instead of answering does as it was told."""
        await self._asking.services()  # lets us in: who hangs up on strangers does not restart
        try:
            await self._asking.ask("tds", "<tds:SystemReboot/>")
        except OnvifError as error:
            if error.trouble is not Trouble.BROKEN_ANSWER:
                raise

    async def backup(self) -> bytes:
        """The camera's configuration in its own format. Raises OnvifError; FAULT: offers none."""
        try:
            uris = await self._asking.ask("tds", "<tds:GetSystemUris/>")
            uri = uris.words("SystemBackupUri")
        except OnvifError as error:
            if error.trouble not in UNKNOWN_CALL:
                raise
            uri = ""
        if uri:
            at = reading.uri_at(self._asking.address, uri)
            return await self._asking.fetch(at, BACKUP_MAX)
        return await self._inline_backup()

    async def _inline_backup(self) -> bytes:
        """The older way: the file stands in the answer. One that is attached to it is not read."""
        answer = await self._asking.ask("tds", "<tds:GetSystemBackup/>")
        try:
            found = base64.b64decode(answer.words("BackupFiles", "Data"), validate=True)
        except binascii.Error:
            found = b""
        if not found:
            where = self._asking.address
            raise OnvifError(Trouble.BROKEN_ANSWER, f"{where}: the backup is not in the answer")
        return found

    async def _clock_offset(self) -> int | None:
        """None where it tells no time that can be read."""
        try:
            return await self._asking.clock_offset()
        except OnvifError as error:
            if error.trouble not in (Trouble.FAULT, Trouble.BROKEN_ANSWER):
                raise
            return None

    async def _mac(self) -> str | None:
        try:
            return reading.mac_of(await self._asking.ask("tds", "<tds:GetNetworkInterfaces/>"))
        except OnvifError as error:
            if error.trouble in (*UNKNOWN_CALL, Trouble.REFUSED):  # some allow it to nobody
                return None
            raise
