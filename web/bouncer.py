"""Asks again, while people watch, whether they still may, and tells the audit that they do; who
may not is sent away.

A sign-in that is ended, a role that is taken, hours that are over: the live process sends on and
knows nothing of it. So the API process looks every two seconds at who watches by which permit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from vms.core.clock import Instant, parse_rfc3339
from vms.core.log import get_logger
from vms.core.model import CameraId, is_camera_id
from vms.core.supervise import Backoff, supervise
from vms.people.audit.entry import Via, What
from vms.people.audit.viewing import Eye
from vms.people.permissions import Asked, Identity, Permission, decide
from web.downloads import Download, Downloads
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
    """Watches the viewers of all live processes and this process's downloads, from its loop."""

    def __init__(self, parts: WebParts, downloads: Downloads | None = None) -> None:
        self._parts, self._downloads = parts, downloads or Downloads()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look again and again meanwhile."""
        rounds = {"bouncer": self.look, "bouncer of downloads": self.look_at_downloads}
        tasks = [
            asyncio.create_task(
                supervise(name, partial(_again, look), self._parts.clock, backoff=Backoff()),
                name=name,
            )
            for name, look in rounds.items()
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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

    async def look_at_downloads(self) -> int:
        """One round of the downloads: how many were ended."""
        running = self._downloads.running()
        if not running:
            return 0
        refused = await asyncio.to_thread(self._refused, running)
        for one in refused:
            one.end()
            log.info("download_ended", permit=one.permit.partition(":")[0])
        return len(refused)

    def _refused(self, running: Collection[Download]) -> list[Download]:
        """Those by whose permit it would not be answered any more. Blocks."""
        sessions, now = self._parts.sessions, self._parts.clock.now()
        known = {permit: sessions.permitted(permit) for permit in {one.permit for one in running}}
        asks_groups = any(who is not None and who.asks_groups for who in known.values())
        groups = self._parts.cameras.groups() if asks_groups else {}

        def may(identity: Identity, asked: Asked) -> bool:
            member = groups.get(asked.camera, ()) if asked.camera is not None else ()
            return decide(identity, replace(asked, now=now, groups=member)).allowed

        return [
            one
            for one in running
            if (who := known[one.permit]) is None or not all(may(who, it) for it in one.asked)
        ]

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


async def _again(look: Callable[[], Awaitable[object]]) -> None:
    while True:
        await look()
        await asyncio.sleep(EVERY_S)


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
