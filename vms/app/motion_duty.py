"""The custodian's duty to have motion looked for: a process of its own while any camera wants it.

Decoding costs processor time and memory; a site without it pays for neither.
"""

from __future__ import annotations

import asyncio
import threading

from vms.app.roles import command
from vms.app.site import Site
from vms.core.clock import SECOND, Span
from vms.core.processes import ChildProcess, ProcessSpec

_LOOK_EVERY_S = 5.0
"""Each look wakes a thread on every site, also where nothing is to be done."""
_GRACE = 5 * SECOND // 2  # shorter than a duty's own
_NICE = 10  # recording comes first, and looking at live pictures too


class MotionDuty:
    """A `vms.app.custodian.Duty`."""

    name = "motion"
    every = Span(SECOND)
    urgent = True  # it only looks after a process; that one gives way

    def __init__(self, site: Site) -> None:
        self._site = site
        self._revision: int | None = None
        self._wanted = False

    def work(self, stopping: threading.Event) -> None:
        """Blocks until `stopping`, or something unexpected."""
        asyncio.run(self._keep(stopping))

    async def _keep(self, stopping: threading.Event) -> None:
        spec = ProcessSpec(
            "motion", command("motion", self._site.settings), grace=_GRACE, nice=_NICE
        )
        child: ChildProcess | None = None
        try:
            while not stopping.is_set():
                wanted = await asyncio.to_thread(self._is_wanted)
                if wanted and child is None:
                    child = ChildProcess(spec, self._site.clock)
                    child.start()
                elif child is not None and not wanted:
                    await child.stop()
                    child = None
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            if child is not None:
                await child.stop()

    def _is_wanted(self) -> bool:
        """Whether any camera has motion looked for; one small query while nothing changes."""
        revision = self._site.registry.revision()
        if revision != self._revision:
            cameras = self._site.registry.settings()
            self._wanted = any(camera.motion is not None for camera in cameras)
            self._revision = revision
        return self._wanted
