"""Asks again, while people watch, whether they still may, and tells the audit that they do; who
may not is sent away.

A sign-in that is ended, a role that is taken, hours that are over: the live process sends on and
knows nothing of it. So the API process looks every two seconds at who watches by which permit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from typing import NamedTuple

from vms.core.clock import Instant, parse_rfc3339
from vms.core.log import get_logger
from vms.core.model import CameraId, is_camera_id
from vms.core.supervise import Backoff, supervise
from vms.people.audit.entry import Via, What
from vms.people.audit.viewing import Eye
from vms.people.permissions import Asked, Identity, Permission, decide
from web.livecalls import LiveDown
from web.parts import WebParts

log = get_logger(__name__)

EVERY_S = 2.0


class Watching(NamedTuple):
    """Somebody who watches a camera, however many streams of it."""

    permit: str
    address: str
    camera: CameraId
    hears: bool = False


class Bouncer:
    """Watches the viewers of all live processes, from one event loop."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look again and again meanwhile."""
        task = asyncio.create_task(
            supervise("bouncer", self._rounds, self._parts.clock, backoff=Backoff()), name="bouncer"
        )
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def look(self) -> list[Watching]:
        """One round: who was sent away."""
        stats = await self._parts.live.stats()
        self._parts.trail.watching([eye for one in stats for eye in _eyes(one)])
        watching = {found for one in stats for found in _read(one)}
        if not watching:
            return []
        gone = await asyncio.to_thread(self._unwelcome, watching)
        for one in gone:
            with contextlib.suppress(LiveDown):  # then nobody watches there either
                await self._parts.live.end(one.camera, one.permit, hearing=one.hears)
        return gone

    async def _rounds(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    def _unwelcome(self, watching: Collection[Watching]) -> list[Watching]:
        """Those of them who may not watch any more. Blocks."""
        sessions = self._parts.sessions
        known = {permit: sessions.permitted(permit) for permit in {one.permit for one in watching}}
        asks_groups = any(who is not None and who.asks_groups for who in known.values())
        groups = self._parts.cameras.groups() if asks_groups else {}
        return [
            one
            for one in watching
            if not self._may(known[one.permit], one, groups.get(one.camera, ()))
        ]

    def _may(self, identity: Identity | None, one: Watching, groups: Collection[str]) -> bool:
        """Who may no longer hear is sent away too, and comes back to pictures without sound."""
        if identity is None:
            return False
        now = self._parts.clock.now()
        needed = [Permission.LIVE, Permission.SOUND] if one.hears else [Permission.LIVE]
        return all(
            decide(identity, Asked(permission, now, one.address, one.camera, groups)).allowed
            for permission in needed
        )


def _read(stats: dict[str, object]) -> list[Watching]:
    """Who watches by a permit, of one process's answer."""
    viewers = stats.get("viewers")
    found = []
    for one in viewers if isinstance(viewers, list) else ():
        permit, camera = str(one.get("permit", "")), str(one.get("camera", ""))
        if permit and is_camera_id(camera):
            address, hears = str(one.get("address", "")), one.get("hears") is True
            found.append(Watching(permit, address, CameraId(camera), hears))
    return found


def _eyes(stats: dict[str, object]) -> list[tuple[Eye, Instant]]:
    """Who watches what, each since when, of one process's answer."""
    viewers = stats.get("viewers")
    found = []
    for one in viewers if isinstance(viewers, list) else ():
        via: Via = "token" if str(one.get("permit", "")).startswith("token:") else "session"
        who, address = str(one.get("user", "")), str(one.get("address", ""))
        eye = Eye(who, via, address, str(one.get("camera")), str(one.get("stream")), What.LIVE)
        with contextlib.suppress(ValueError):
            found.append((eye, parse_rfc3339(str(one.get("since", "")))))
    return found
