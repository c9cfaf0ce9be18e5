"""The media services, Media2 before Media: profiles, and where they are played."""

from __future__ import annotations

from xml.sax.saxutils import escape

from vms.cameras.onvif import reading
from vms.cameras.onvif.asking import UNKNOWN_CALL, Asking
from vms.cameras.onvif.port import OnvifError, Profile, StreamFacts, Trouble, VideoSource
from vms.cameras.onvif.xml import Element


class MediaService:
    """Asks for profiles and addresses."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def profiles(self) -> list[Profile]:
        """The profiles with video, of Media2 or, without any there, of Media."""
        services = await self._asking.services()
        found: list[Profile] = []
        if "tr2" in services:
            answer = await self._of_media2("VideoSource", "VideoEncoder")
            found += reading.profiles_of(answer, "media2")
        if "trt" in services and not found:
            answer = await self._asking.ask("trt", "<trt:GetProfiles/>")
            found += reading.profiles_of(answer, "media")
        return found

    async def stream(self, profile: Profile) -> StreamFacts:
        """Where the profile is played over RTSP; of Media where Media2 does not tell."""
        first, *others = await self._prefixes(profile)
        try:
            return await self._played(profile, first)
        except OnvifError as error:
            if error.trouble not in UNKNOWN_CALL or not others:
                raise
        return await self._played(profile, others[0])

    async def snapshot(self, profile: Profile) -> str | None:
        """Where a JPEG of now is; None when the camera offers none, or none that can be used."""
        token = escape(profile.token)
        for prefix in await self._prefixes(profile):
            named = f"<{prefix}:ProfileToken>{token}</{prefix}:ProfileToken>"
            body = f"<{prefix}:GetSnapshotUri>{named}</{prefix}:GetSnapshotUri>"
            try:
                uri = (await self._asking.ask(prefix, body)).words("Uri")
                return reading.uri_at(self._asking.address, uri) if uri else None
            except OnvifError as error:
                if error.trouble in (Trouble.REFUSED, Trouble.REDIRECTED):
                    break
                if error.trouble not in UNKNOWN_CALL:
                    raise
        return None  # one whose video can be had is not lost for want of a picture

    async def heads(self) -> list[reading.PtzHead]:
        """Profiles that can be steered, the camera's order."""
        services = await self._asking.services()
        found: list[reading.PtzHead] = []
        if "tr2" in services:
            found = reading.heads_of(await self._of_media2("VideoSource", "PTZ"))
        if "trt" in services and not found:
            found = reading.heads_of(await self._asking.ask("trt", "<trt:GetProfiles/>"))
        return found

    async def sources(self) -> list[VideoSource]:
        """The video sources that profiles show, the camera's order."""
        services = await self._asking.services()
        found: list[VideoSource] = []
        if "tr2" in services:
            found = reading.sources_of(await self._of_media2("VideoSource"))
        if "trt" in services and not found:
            found = reading.sources_of(await self._asking.ask("trt", "<trt:GetProfiles/>"))
        return found

    # -- how

    async def _prefixes(self, profile: Profile) -> list[str]:
        """The services that may tell of a profile, its own first: a token stands in both."""
        if profile.service == "media":
            return ["trt"]
        return ["tr2", "trt"] if "trt" in await self._asking.services() else ["tr2"]

    async def _of_media2(self, *types: str) -> Element:
        """GetProfiles; nothing of a Media2 that does not know it, as long as there is Media."""
        asked = "".join(f"<tr2:Type>{one}</tr2:Type>" for one in types)
        try:
            return await self._asking.ask("tr2", f"<tr2:GetProfiles>{asked}</tr2:GetProfiles>")
        except OnvifError as error:
            if error.trouble not in UNKNOWN_CALL or "trt" not in await self._asking.services():
                raise
            return Element("GetProfilesResponse", {})

    async def _played(self, profile: Profile, prefix: str) -> StreamFacts:
        token = escape(profile.token)
        if prefix == "tr2":
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
        uri = reading.uri_at(self._asking.address, answer.words("Uri"), "rtsp")
        return StreamFacts(profile, uri)
