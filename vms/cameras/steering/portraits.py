"""Takes the pictures of presets: when one is saved, and when the camera has arrived at one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from vms.cameras.onvif.asking import UNKNOWN_CALL
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.port import OnvifError
from vms.cameras.steering.records import Records
from vms.cameras.steering.stills import small
from vms.core.clock import MINUTE, Clock, Span
from vms.core.config_camera import CameraSettings
from vms.core.log import get_logger

log = get_logger(__name__)

OLD = Span(10 * MINUTE)
"""A picture younger than this is not taken again when its preset is reached."""
_ARRIVES_S = 15.0
_LOOK_EVERY_S = 0.5
_AT_ONCE = 2  # pictures taken at the same time; others wait their turn


class Portraits:
    """`shown` says whether a camera may be looked at now: in its privacy hours nothing is kept.

    It blocks.
    """

    def __init__(
        self, records: Records, clock: Clock, shown: Callable[[CameraSettings], bool]
    ) -> None:
        self._records, self._clock, self._shown = records, clock, shown
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def take(
        self,
        settings: CameraSettings,
        client: OnvifClient,
        preset: str,
        still: Callable[[], bool],
        *,
        fresh: bool,
    ) -> None:
        """Keep what is seen from a preset. `still` tells whether nothing was commanded since.

        `fresh`: the camera looks there now, and a picture there may be is out of date.
        """
        try:
            if not fresh and not (
                await self._wanted(settings, preset) and await self._arrived(client, still)
            ):
                return  # fmt: skip
            async with self._room:
                if still() and await asyncio.to_thread(self._shown, settings):
                    await self._keep(settings.id, client, preset)
        except OnvifError as error:
            log.info("no picture of a preset", camera=settings.id, error=str(error))

    async def _wanted(self, settings: CameraSettings, preset: str) -> bool:
        pictured = await asyncio.to_thread(self._records.pictured, settings.id)
        at = pictured.get(preset)
        return at is None or self._clock.now() - at >= OLD

    async def _arrived(self, client: OnvifClient, still: Callable[[], bool]) -> bool:
        """Wait until the camera stands; one that does not tell is given the whole time."""
        for _ in range(round(_ARRIVES_S / _LOOK_EVERY_S)):
            await asyncio.sleep(_LOOK_EVERY_S)
            if not still():
                return False
            try:
                standing = (await client.ptz.status()).moving is False
            except OnvifError as error:
                if error.trouble not in UNKNOWN_CALL:
                    raise
                standing = False  # it does not tell
            if standing:
                return True
        return still()

    async def _keep(self, camera: str, client: OnvifClient, preset: str) -> None:
        picture = await client.picture()
        if picture is None:
            return
        shrunk = await asyncio.to_thread(small, picture)
        if shrunk is not None:
            now = self._clock.now()
            await asyncio.to_thread(self._records.keep_picture, camera, preset, now, shrunk)
