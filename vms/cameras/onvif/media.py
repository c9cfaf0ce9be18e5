"""The media services, Media2 before Media: profiles, and where they are played."""

from __future__ import annotations

from xml.sax.saxutils import escape

from vms.cameras.onvif import reading
from vms.cameras.onvif.asking import Asking
from vms.cameras.onvif.port import OnvifError, Profile, StreamFacts, Trouble, VideoSource


class MediaService:
    """Asks for profiles and addresses."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def profiles(self) -> list[Profile]:
        """The profiles with video, of Media2 or, without any there, of Media."""
        services = await self._asking.services()
        found: list[Profile] = []
        if "tr2" in services:
            types = "<tr2:Type>VideoSource</tr2:Type><tr2:Type>VideoEncoder</tr2:Type>"
            body = f"<tr2:GetProfiles>{types}</tr2:GetProfiles>"
            found += reading.profiles_of(await self._asking.ask("tr2", body), "media2")
        if "trt" in services and not found:
            answer = await self._asking.ask("trt", "<trt:GetProfiles/>")
            found += reading.profiles_of(answer, "media")
        return found

    async def stream(self, profile: Profile) -> StreamFacts:
        """Where the profile is played over RTSP."""
        token = escape(profile.token)
        if profile.service == "media2":
            body = (
                "<tr2:GetStreamUri><tr2:Protocol>RTSP</tr2:Protocol>"
                f"<tr2:ProfileToken>{token}</tr2:ProfileToken></tr2:GetStreamUri>"
            )
            answer = await self._asking.ask("tr2", body)
        else:
            body = (
                "<trt:GetStreamUri><trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream>"
                "<tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></trt:StreamSetup>"
                f"<trt:ProfileToken>{token}</trt:ProfileToken></trt:GetStreamUri>"
            )
            answer = await self._asking.ask("trt", body)
        return StreamFacts(profile, reading.uri_at(self._asking.address, answer.words("Uri")))

    async def snapshot(self, profile: Profile) -> str | None:
        """Where a JPEG of now is; None when the camera offers none."""
        prefix = "tr2" if profile.service == "media2" else "trt"
        token = f"<{prefix}:ProfileToken>{escape(profile.token)}</{prefix}:ProfileToken>"
        try:
            body = f"<{prefix}:GetSnapshotUri>{token}</{prefix}:GetSnapshotUri>"
            answer = await self._asking.ask(prefix, body)
        except OnvifError as error:
            if error.trouble is Trouble.FAULT:
                return None
            raise
        uri = answer.words("Uri")
        return reading.uri_at(self._asking.address, uri) if uri else None

    async def heads(self) -> list[reading.PtzHead]:
        """Profiles that can be steered, the camera's order."""
        services = await self._asking.services()
        found: list[reading.PtzHead] = []
        if "tr2" in services:
            types = "<tr2:Type>VideoSource</tr2:Type><tr2:Type>PTZ</tr2:Type>"
            body = f"<tr2:GetProfiles>{types}</tr2:GetProfiles>"
            found = reading.heads_of(await self._asking.ask("tr2", body))
        if "trt" in services and not found:
            found = reading.heads_of(await self._asking.ask("trt", "<trt:GetProfiles/>"))
        return found

    async def sources(self) -> list[VideoSource]:
        """The video sources that profiles show, the camera's order."""
        services = await self._asking.services()
        found: list[VideoSource] = []
        if "tr2" in services:
            body = "<tr2:GetProfiles><tr2:Type>VideoSource</tr2:Type></tr2:GetProfiles>"
            found = reading.sources_of(await self._asking.ask("tr2", body))
        if "trt" in services and not found:
            found = reading.sources_of(await self._asking.ask("trt", "<trt:GetProfiles/>"))
        return found
