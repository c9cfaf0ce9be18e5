"""What an admin does to the device itself: look, set its picture and its clock, start it anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from vms.cameras.onvif.asking import UNKNOWN_CALL
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.imaging import Imaging
from vms.cameras.onvif.port import DeviceFacts, OnvifError, Trouble
from vms.core.config_camera import CameraSettings
from vms.core.inventory import Inventory


@dataclass(frozen=True, slots=True)
class DeviceSheet:
    """A device as it describes itself. `imaging`: None for one without picture settings."""

    facts: DeviceFacts
    imaging: Imaging | None


class Upkeep:
    """Asks and changes devices, each time anew: nothing of it is in a hurry.

    `cameras` gives a camera's settings and raises NotFound; it blocks. Every method raises what
    `OnvifClients.client_for` does, and OnvifError.
    """

    def __init__(self, clients: OnvifClients, cameras: Callable[[str], CameraSettings]) -> None:
        self._clients, self._cameras = clients, cameras

    async def look(self, camera: str) -> DeviceSheet:
        """What the device is and how its picture is set."""
        client = await self._client(camera)
        facts = await client.device()
        try:
            imaging = await client.imaging.settings()
        except OnvifError as error:
            if error.trouble not in (Trouble.NO_SERVICE, *UNKNOWN_CALL):
                raise
            imaging = None
        return DeviceSheet(facts, imaging)

    async def set_imaging(
        self, camera: str, levels: dict[str, float], ir_cut: str | None
    ) -> Imaging:
        """Set the picture; what it then is. Raises BadRequest for what the camera does not take."""
        client = await self._client(camera)
        await client.imaging.set(levels, ir_cut)
        return await client.imaging.settings()

    async def focus(self, camera: str, speed: float) -> None:
        """Move the lens, −1 (near) to 1 (far); 0 stops it."""
        imaging = (await self._client(camera)).imaging
        await (imaging.focus(speed) if speed else imaging.stop_focus())

    async def set_clock(self, camera: str, ntp: str | None) -> int:
        """Let the clock follow an NTP server, or set it to ours; its offset then, ns."""
        client = await self._client(camera)
        await (client.set_ntp(ntp) if ntp else client.set_time())
        return await client.clock_offset()

    async def reboot(self, camera: str) -> None:
        """Start the device again: no picture for a minute or two."""
        await (await self._client(camera)).reboot()

    async def backup(self, camera: str) -> bytes:
        """The device's configuration, in its own format."""
        return await (await self._client(camera)).backup()

    async def _client(self, camera: str) -> OnvifClient:
        settings = await asyncio.to_thread(self._cameras, camera)
        return await self._clients.client_for(settings)


def completed(inventory: Inventory | None, facts: DeviceFacts) -> Inventory:
    """An inventory with what the device says of itself, where nothing stands yet. Pure.

    Its firmware follows the device: that is what an update changes, and only the device knows.
    """
    known = inventory if inventory is not None else Inventory()
    mac = facts.mac or ""
    told = {
        "make": facts.make[:100],
        "model": facts.model[:100],
        "serial": facts.serial[:100],
        "firmware": facts.firmware[:100],
        "mac": mac,
    }
    news = {
        name: text
        for name, text in told.items()
        if text and (name == "firmware" or not getattr(known, name))
    }
    return known.model_copy(update=news)
