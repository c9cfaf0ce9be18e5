"""The ONVIF client of one camera: believes nothing it is told (docs/onvif.md).

What it can is divided by the camera's services: `ptz`, `imaging` and `events` are steered, set and
heard there; what an admin asks of a camera stands here, as `port.OnvifCamera` promises it.
"""

from __future__ import annotations

from collections.abc import Sequence

from vms.cameras.onvif import reading
from vms.cameras.onvif.asking import (
    DEVICE_PATH,
    UNKNOWN_CALL,
    Allowance,
    Asking,
    Credentials,
    HttpSignIn,
    HttpSignIns,
)
from vms.cameras.onvif.device import DeviceService
from vms.cameras.onvif.events import PullPoints
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.imaging import ImagingService
from vms.cameras.onvif.media import MediaService
from vms.cameras.onvif.port import (
    Address,
    CameraFacts,
    DeviceFacts,
    OnvifError,
    Profile,
    StreamFacts,
)
from vms.cameras.onvif.ptz import PtzService
from vms.core.clock import Clock

__all__ = ["DEVICE_PATH", "Credentials", "HttpSignIn", "HttpSignIns", "OnvifClient"]

SOURCES_MAX = 32
"""Video sources of one device that are described; each costs three calls."""
_UNTOLD_MAX = 3  # profiles of a source that are asked for their address in vain
_PICTURE_MAX = 8_000_000  # bytes of a JPEG; one of 8 megapixels has three


class OnvifClient:
    """One camera at `address`. Services, clock offset and sign-in are kept between calls.

    `source`: the token of the video source it is, where the device has several; None for the first.
    """

    def __init__(
        self,
        http: Http,
        address: Address,
        credentials: Credentials | None,
        sign_ins: HttpSignIns,
        clock: Clock,
        path: str = DEVICE_PATH,
        allowance: Allowance | None = None,
        source: str | None = None,
    ) -> None:
        self._source = source
        self._asking = Asking(http, address, credentials, sign_ins, clock, path, allowance)
        self._device, self._media = DeviceService(self._asking), MediaService(self._asking)
        self.ptz = PtzService(self._asking, self._media, source)
        self.imaging = ImagingService(self._asking, self._media, source)
        self.events = PullPoints(self._asking)

    @property
    def address(self) -> Address:
        return self._asking.address

    @property
    def refusals(self) -> int:
        """How many requests the camera refused our password in."""
        return self._asking.refusals

    # -- what it is

    async def clock_offset(self, *, anew: bool = False) -> int:
        """The camera's clock minus ours, ns; asked once, or `anew`."""
        if anew:
            self._asking.forget_clock()
        return await self._asking.clock_offset()

    async def device(self) -> DeviceFacts:
        """Make, model, firmware, serial, MAC, clock."""
        return await self._device.facts()

    async def profiles(self) -> list[Profile]:
        """The profiles with video."""
        return await self._media.profiles()

    async def stream(self, profile: Profile) -> StreamFacts:
        """Where the profile is played over RTSP."""
        return await self._media.stream(profile)

    async def snapshot(self, profile: Profile) -> str | None:
        """Where a JPEG of now is; None when the camera offers none."""
        return await self._media.snapshot(profile)

    async def picture(self) -> bytes | None:
        """A JPEG of now, as the camera made it; None when it offers none."""
        main, sub = reading.main_and_sub(await self.profiles(), self._source)
        uri = await self.snapshot(sub if sub is not None else main)
        return await self._asking.fetch(uri) if uri is not None else None

    async def picture_at(self, uri: str) -> bytes:
        """The JPEG of now at the address that `snapshot` gave."""
        return await self._asking.fetch(uri, _PICTURE_MAX)

    async def describe(self) -> CameraFacts:
        """Everything an admin needs to add the camera."""
        device = await self.device()
        return await self._facts(device, await self.profiles(), self._source)

    async def describe_all(self) -> list[CameraFacts]:
        """The same of each video source of the device, SOURCES_MAX at most.

        One whose streams it does not tell is left out, as long as there is another: recorders name
        inputs that nothing is connected to.
        """
        device, profiles = await self.device(), await self.profiles()
        found: list[CameraFacts] = []
        untold: OnvifError | None = None
        for source in reading.sources_shown(profiles)[:SOURCES_MAX]:
            try:
                found.append(await self._facts(device, profiles, source))
            except OnvifError as error:
                if error.trouble not in UNKNOWN_CALL:
                    raise
                untold = untold or error
        if not found and untold is not None:
            raise untold
        return found

    async def other_sources(self) -> frozenset[str]:
        """What events name the device's other video sources by; empty where ours is not told."""
        if self._source is None:
            return frozenset()
        names = {one.token: {one.token, *one.configurations} for one in await self._media.sources()}
        ours = names.pop(self._source, None)
        return frozenset().union(*names.values()) - ours if ours is not None else frozenset()

    async def _facts(
        self, device: DeviceFacts, profiles: Sequence[Profile], source: str | None
    ) -> CameraFacts:
        main, sub = await self._streams(profiles, source)
        shown, sources = main.profile.source, reading.sources_shown(profiles)
        return CameraFacts(
            self.address,
            device,
            main,
            sub,
            await self.snapshot(main.profile),
            shown,
            sources.index(shown) + 1,
            len(sources),
        )

    async def _streams(
        self, profiles: Sequence[Profile], source: str | None
    ) -> tuple[StreamFacts, StreamFacts | None]:
        """Main and sub; profiles whose address the camera does not tell are passed over, a few."""
        main, sub = reading.main_and_sub(profiles, source)
        left = list(profiles)
        for tries_left in reversed(range(_UNTOLD_MAX)):
            try:
                played = await self.stream(main)
                break
            except OnvifError as error:
                left = [one for one in left if one.token != main.token]
                same = any(one.source == main.source for one in left)
                if error.trouble not in UNKNOWN_CALL or not (same and tries_left):
                    raise
                try:
                    main, sub = reading.main_and_sub(left, main.source)
                except OnvifError:
                    raise error from None
        if sub is None:
            return played, None
        try:
            return played, await self.stream(sub)
        except OnvifError as error:
            if error.trouble not in UNKNOWN_CALL:
                raise
            return played, None

    # -- what is changed

    async def set_time(self) -> None:
        """Set the camera's clock to ours, to the second; NTP is off afterwards."""
        await self._device.set_time()

    async def set_ntp(self, server: str) -> None:
        """Name the NTP server and let the camera's clock follow it."""
        await self._device.set_ntp(server)

    async def reboot(self) -> None:
        """Start the camera again."""
        await self._device.reboot()

    async def backup(self) -> bytes:
        """The camera's configuration in its own format."""
        return await self._device.backup()
