"""Trying a camera: its streams by the recorder's own code, then what it says over ONVIF."""

from __future__ import annotations

import random

import vms
from recorder.source import Target
from recorder.trial import BRIEF, THOROUGH, try_stream
from vms.app.onvif import sign_in
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import OnvifError
from vms.cameras.trial import CameraTrial, OnvifTrial, StreamTrial
from vms.core.clock import Clock
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.core.model import CameraId, Cause, StreamKey, StreamName

_HOPELESS = frozenset({Cause.UNREACHABLE, Cause.REFUSED})
"""After these the rest is not asked: it would wait as long, or bring the account to its lock."""


class CameraTrials:
    """Tries cameras of a site; nothing is stored. `brief`: for somebody who waits at a screen."""

    def __init__(self, settings: Settings, clock: Clock, *, brief: bool = False) -> None:
        self._clients = OnvifClients(
            Networks(settings.onvif.networks, settings.reach), sign_in, clock
        )
        self._reach = settings.reach
        self._clock, self._patience = clock, BRIEF if brief else THOROUGH

    async def run(self, camera: CameraSettings, known_as: str | None = None) -> CameraTrial:
        """Try `camera`; `known_as`: its id in the registry. Takes half a minute at most."""
        at = self._clock.now()
        streams = [await self._try(camera, "main", camera.source)]
        hopeless = streams[0].problem in _HOPELESS
        if camera.sub is not None and not hopeless:
            streams.append(await self._try(camera, "sub", camera.sub))
        onvif = None
        if camera.onvif is not None and streams[0].problem is not Cause.REFUSED:
            onvif = await self._ask(camera, camera.onvif)
        return CameraTrial(at, vms.__version__, known_as, tuple(streams), onvif)

    async def _try(self, camera: CameraSettings, name: StreamName, url: str) -> StreamTrial:
        key = StreamKey(CameraId(camera.id), name)
        user, password = camera.username, camera.password
        target = Target(key, url, user, password, camera.transport, self._reach)
        rng = random.Random()
        return await try_stream(target, self._clock, rng, self._patience)

    async def _ask(self, camera: CameraSettings, url: str) -> OnvifTrial:
        try:
            client = await self._clients.client_for(camera)
            return OnvifTrial(url, facts=await client.describe())
        except OnvifError as error:
            return OnvifTrial(url, trouble=error.trouble, detail=error.detail)
