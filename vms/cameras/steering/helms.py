"""The helms of the cameras that were used lately, each with its settings as they are now.

A changed address is noticed within 2 s and then dialled anew. Above the bound the helm that was
idle longest goes; one that is held, moves or is asked stays, and ends soon. A camera's services and
clock offset stay known meanwhile, so that a click costs one request.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.steering.helm import Helm
from vms.cameras.steering.lease import Lease, LeaseRules, alive
from vms.core.clock import MINUTE, SECOND, Clock, Mono, Span
from vms.core.config_camera import CameraSettings

HELMS_MAX = 64
"""Cameras whose clients are kept; more push out the one that was idle longest."""
KEPT = Span(10 * MINUTE)
_SETTINGS_HOLD = Span(2 * SECOND)  # a changed address is noticed within this


class Helms:
    """`cameras` gives a camera's settings and raises NotFound; it blocks."""

    def __init__(
        self,
        clients: OnvifClients,
        cameras: Callable[[str], CameraSettings],
        rules: LeaseRules,
        clock: Clock,
    ) -> None:
        self._clients, self._cameras = clients, cameras
        self._rules, self._clock = rules, clock
        self._kept: OrderedDict[str, Helm] = OrderedDict()  # the one used last is the last

    def known(self, camera: str) -> Helm | None:
        """A camera's helm, if it has one."""
        return self._kept.get(camera)

    def moving(self) -> list[str]:
        """The cameras that somebody turns."""
        return [name for name, helm in self._kept.items() if helm.moving is not None]

    def lease(self, camera: str) -> Lease | None:
        """Who steers a camera now."""
        helm = self._kept.get(camera)
        return alive(helm.lease, self._clock.monotonic(), self._rules) if helm else None

    async def client(self, camera: str) -> OnvifClient:
        """The camera's client, as its settings are now. Raises NotFound, Refused, OnvifError."""
        helm = await self.of(camera)
        if helm.client is None:
            assert helm.settings is not None, "a helm that was looked up has them"
            helm.client = await self._clients.client_for(helm.settings)
        return helm.client

    async def of(self, camera: str) -> Helm:
        """A camera's helm, which it gets if it has none. Raises NotFound."""
        now = self._clock.monotonic()
        helm = self._kept.get(camera)
        if helm is None or helm.checked is None or now - helm.checked >= _SETTINGS_HOLD:
            settings = await asyncio.to_thread(self._cameras, camera)
            helm = self._kept.get(camera) or Helm(self._clock)
            if settings != helm.settings:
                helm.dial_anew(settings)
            helm.checked = now
        if camera not in self._kept:
            self._make_room(now)
            self._kept[camera] = helm
        helm.used = now
        self._kept.move_to_end(camera)
        return helm

    def _make_room(self, now: Mono) -> None:
        """Before one more: let go of what was not used for long, and of the oldest above the
        bound."""
        idle = [
            name
            for name, helm in self._kept.items()
            if helm.idle and alive(helm.lease, now, self._rules) is None
        ]
        over = len(self._kept) + 1 - HELMS_MAX
        for place, name in enumerate(idle):
            if place < over or now - self._kept[name].used >= KEPT:
                del self._kept[name]
