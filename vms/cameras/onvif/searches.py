"""Searches that somebody looks at while they run: one at a time, kept for minutes, then forgotten.

They live in the memory of the process that runs them, and with them the passwords that were tried;
what was found is added to the registry from here, so that no password has to be told to anybody.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vms.cameras.onvif.search import Found, Known, Search, Wanted
from vms.core.clock import MINUTE, Clock, Instant, Mono, Span
from vms.core.errors import NotFound, Refused
from vms.core.log import get_logger

log = get_logger(__name__)

KEPT = Span(15 * MINUTE)
"""How long what was found can be looked at and added, from the search's end on."""
JOBS_MAX = 4  # the oldest that ended is forgotten
PICTURES_AT_ONCE = 4
_WITHIN_S = 300.0  # a search that takes longer is ended with what it has

State = Literal["running", "done", "stopped", "failed"]


@dataclass(slots=True)
class SearchJob:
    """One search. `answers`: how many cameras answered, None while it listens; `found`: those
    described so far, in the order in which they were. `error`: why it failed, one sentence.
    """

    id: str
    by: str
    started: Instant
    ranges: tuple[str, ...]
    wanted: Wanted
    state: State = "running"
    answers: int | None = None
    found: list[Found] = field(default_factory=list)  # discovery.FOUND_MAX at most
    error: str | None = None
    ended: Mono | None = None

    def one(self, number: int) -> Found:
        """The found camera of that place. Raises NotFound."""
        if not 0 <= number < len(self.found):
            raise NotFound(f"the search {self.id} has found no camera {number}")
        return self.found[number]

    def took(self, number: int, camera: str) -> None:
        """A found camera is in the registry now."""
        self.found[number] = dataclasses.replace(self.one(number), camera=camera)


class Searches:
    """Starts, shows and ends searches. All of it on one event loop."""

    def __init__(self, search: Search, clock: Clock) -> None:
        self._search, self._clock = search, clock
        self._jobs: dict[str, SearchJob] = {}  # JOBS_MAX at most, the newest last
        self._task: asyncio.Task[None] | None = None
        self.room = asyncio.Semaphore(PICTURES_AT_ONCE)  # full: the next picture waits its turn

    def start(
        self, wanted: Wanted, ranges: Sequence[str], known: Iterable[Known], by: str
    ) -> SearchJob:
        """Begin a search. Raises Refused while another one runs."""
        self._forget_old()
        running = next((job for job in self._jobs.values() if job.state == "running"), None)
        if running is not None:
            raise Refused(f"{running.by} is searching; wait for it to end, or stop it")
        while len(self._jobs) >= JOBS_MAX:
            self._jobs.pop(next(iter(self._jobs)))
        job = SearchJob(secrets.token_urlsafe(9), by, self._clock.now(), tuple(ranges), wanted)
        self._jobs[job.id] = job
        self._task = asyncio.create_task(self._run(job, tuple(known)), name=f"search {job.id}")
        return job

    def list(self) -> list[SearchJob]:
        """Those that are still known, the newest first."""
        self._forget_old()
        return list(self._jobs.values())[::-1]

    def get(self, id_: str) -> SearchJob:
        """One search. Raises NotFound, also for one that was forgotten."""
        self._forget_old()
        if id_ not in self._jobs:
            raise NotFound("there is no such search any more; search again")
        return self._jobs[id_]

    async def stop(self, id_: str) -> SearchJob:
        """End the search if it runs; what it has found stays. Raises NotFound."""
        job = self.get(id_)
        if job.state == "running" and self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        return job

    async def forget(self, id_: str) -> None:
        """End the search and forget it, with its passwords. Raises NotFound."""
        await self.stop(id_)
        self._jobs.pop(id_, None)

    async def picture(self, found: Found) -> bytes | None:
        """A JPEG of now; None when the camera offers none. Raises OnvifError."""
        return await self._search.picture(found)

    async def _run(self, job: SearchJob, known: Sequence[Known]) -> None:
        def heard(answers: int) -> None:
            job.answers = answers

        try:
            async with asyncio.timeout(_WITHIN_S):
                await self._search.run(job.wanted, known, job.found.append, heard)
            job.state = "done"
        except asyncio.CancelledError:
            job.state = "stopped"
            raise
        except TimeoutError:
            job.state, job.error = "done", f"It was ended after {_WITHIN_S:.0f} s."
        except Exception as error:  # a fault of ours is told to who waits, and logged
            log.exception("a search failed", search=job.id)
            job.state, job.error = "failed", f"The search met a fault: {error}"
        finally:
            job.ended = self._clock.monotonic()

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        for job in list(self._jobs.values()):
            if job.ended is not None and now - job.ended > KEPT:
                self._jobs.pop(job.id)
