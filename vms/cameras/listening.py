"""Listening to cameras: one pull point a camera, asked for ever, made anew when it breaks.

What is heard is handed on; what becomes of it is not decided here.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from vms.cameras.onvif.asking import UNKNOWN_CALL
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.events import PullPoint, PullPoints
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.topics import Kind, Told, changes, without_others
from vms.cameras.reception import Heard, Reception, SaidTime
from vms.cameras.standing import Standing
from vms.core.clock import MINUTE, SECOND, Clock, Mono, Span
from vms.core.config_camera import CameraSettings
from vms.core.errors import VmsError
from vms.core.log import get_logger
from vms.core.model import CameraId
from vms.core.secret import Secret
from vms.core.supervise import Backoff, supervise

log = get_logger(__name__)

LIFE_S = 60
"""A subscription that is not renewed ends after it: cameras have few places."""
WAIT_S = 20
_RENEW_EVERY = Span(15 * SECOND)
_STILL = Span(4 * MINUTE)
"""What lasts is told again after it: it would count as over after ten minutes of silence."""
_CLOCK_EVERY, _CLOCK_AGAIN = Span(10 * MINUTE), Span(MINUTE)
"""How often it is asked for its time: sooner where that is wrong, so that its mending shows."""
_CLOCK_OFF = Span(2 * SECOND)
_WHOLE = Span(SECOND)  # seconds are all it says
ANEW_AFTER = Span(10 * SECOND)
"""A pull point that was dropped sooner is no accident: the camera is left alone for a while."""
SHUNNED_S = 15 * 60.0
"""A camera that has no events is left alone so long."""
_REFUSED_FOR = Span(31 * MINUTE)
"""One that refuses our password, or says that it is locked: each try costs two refusals, and some
lock the account at the fifth within half an hour."""
RECORDER_FIRST = Span(15 * SECOND)
"""So long the recorder's own try is waited for: two refusals less for a password that is wrong."""
_REFUSED = (Trouble.REFUSED, Trouble.LOCKED)
_HOPELESS = (*_REFUSED, Trouble.NO_SERVICE, Trouble.CERTIFICATE)
_REST_S = 0.2  # between two pulls, and after each thing that was told: 5 a second of a camera
_IDLE_S = 1.0  # at most between two pulls of one that answers at once, and with nothing new
_AT_ONCE = Span(SECOND)
_CONNECTING_MAX = 16


class Hearer(Protocol):
    """Takes what cameras tell. Both calls block."""

    def told(self, camera: CameraId, told: Told) -> None:
        """Something begins or ends."""

    def still(self, camera: CameraId, lasting: Sequence[Told]) -> None:
        """These go on."""


ClientFor = Callable[[CameraSettings], Awaitable[OnvifClient]]


class Listeners:
    """Listens to whichever cameras it is told to; use it from one event loop."""

    def __init__(
        self,
        client_for: ClientFor,
        hearer: Hearer,
        clock: Clock,
        reception: Reception,
        standing: Standing | None = None,
    ) -> None:
        """`standing`: how the recorder is let in; None where none is to be waited for."""
        self._client_for, self._hearer, self._clock = client_for, hearer, clock
        self._reception, self._standing = reception, standing
        self._doors: weakref.WeakValueDictionary[_Account, _Door] = weakref.WeakValueDictionary()
        self._tasks: dict[CameraSettings, asyncio.Task[None]] = {}
        self._connecting = asyncio.Semaphore(_CONNECTING_MAX)

    async def follow(self, cameras: Sequence[CameraSettings]) -> None:
        """Listen to these of them that speak ONVIF, and to no others. Others go on untouched."""
        wanted = {_dialled(camera): camera for camera in cameras if camera.onvif is not None}
        gone = {key.camera_id: self._tasks.pop(key) for key in self._tasks.keys() - wanted.keys()}
        await _ended(list(gone.values()))
        for camera in gone:
            self._reception.forget(camera)
        for key in wanted.keys() - self._tasks.keys():
            name = f"listen {key.id}"
            self._tasks[key] = asyncio.create_task(self._keep(key), name=name)

    async def close(self) -> None:
        """Leave all cameras, within some seconds."""
        await _ended(list(self._tasks.values()))
        self._tasks.clear()

    async def _keep(self, camera: CameraSettings) -> None:
        said: list[str] = []

        def failed(error: Exception, wait: Span) -> None:
            self._unheard(camera, error)
            if said != [str(error)]:  # once, not at every try
                said[:] = [str(error)]
                log.info("a camera's events are not heard", camera=camera.id, error=str(error))

        await supervise(
            f"listen {camera.id}",
            lambda: self._listen(camera),
            self._clock,
            backoff=Backoff(floor=5 * SECOND, ceiling=5 * MINUTE),
            failed=failed,
        )

    async def _listen(self, camera: CameraSettings) -> None:
        """Until something breaks. What lasted goes on until the camera says otherwise."""
        await self._recorder_first(camera)
        door = self._doors.setdefault(_account_of(camera), _Door())
        try:
            async with door.lock, self._connecting:
                if door.refused is not None and self._clock.monotonic() < door.until:
                    raise door.refused
                client = await self._client_for(camera)
                due = await self._ask_time(camera, client)
                others = await client.other_sources()
                point = await client.events.subscribe(LIFE_S)
                door.refused = None
        except OnvifError as error:
            if error.trouble in _REFUSED:
                door.shut(error, Mono(self._clock.monotonic() + _REFUSED_FOR))
            if error.trouble in _HOPELESS:
                self._unheard(camera, error)
                log.info("a camera's events are not heard", camera=camera.id, error=error.detail)
                if error.trouble in _REFUSED:
                    await self._opened(camera, door)
                else:
                    await asyncio.sleep(SHUNNED_S)
            raise
        self._reception.tell(camera.camera_id, Heard(True))
        await self._hear(camera, client, point, others, due)

    async def _hear(
        self,
        camera: CameraSettings,
        client: OnvifClient,
        point: PullPoint,
        others: frozenset[str],
        due: int,
    ) -> None:
        """Take what the pull point tells. One that the camera has dropped is made anew at once: it
        may know no Renew, and what happens meanwhile would be missed."""
        try:
            known: dict[tuple[Kind, str], bool] = {}
            made = retold = renewed = self._clock.monotonic()
            rest = _REST_S
            while True:
                asked = self._clock.monotonic()
                try:
                    notices = await client.events.pull(point, WAIT_S)
                except OnvifError as error:
                    lasted = self._clock.monotonic() - made
                    if error.trouble is not Trouble.FAULT or lasted < ANEW_AFTER:
                        raise
                    await client.events.leave(point)  # some fault instead of telling of nothing
                    point = await client.events.subscribe(LIFE_S)
                    made = renewed = self._clock.monotonic()
                    continue
                news = changes(without_others(notices, others), known)
                for told in news:
                    await asyncio.to_thread(self._hearer.told, camera.camera_id, told)
                if self._clock.monotonic() - retold >= _STILL:
                    retold = self._clock.monotonic()
                    await asyncio.to_thread(self._hearer.still, camera.camera_id, _lasting(known))
                idle = not news and self._clock.monotonic() - asked < _AT_ONCE
                rest = min(2 * rest, _IDLE_S) if idle else _REST_S
                await asyncio.sleep(rest * max(1, len(news)))
                if self._clock.monotonic() >= due:
                    due = await self._ask_time(camera, client)
                if self._clock.monotonic() - renewed >= _RENEW_EVERY:
                    renewed = self._clock.monotonic()
                    await _renewed(client.events, point)
        finally:
            await client.events.leave(point)

    async def _recorder_first(self, camera: CameraSettings) -> None:
        """Wait while the device refuses the recorder, and a moment for what it says to it."""
        if self._standing is None or not _shares_device(camera):
            return
        until = self._clock.monotonic() + RECORDER_FIRST
        while (standing := self._standing.of(camera.camera_id)) is not True:
            left = Span(until - self._clock.monotonic())
            if standing is None and left <= 0:
                return
            if standing is False:
                left = Span(MINUTE)
                self._reception.tell(camera.camera_id, _REFUSED_THERE)
            await self._standing.change.wait(within=left)

    async def _opened(self, camera: CameraSettings, door: _Door) -> None:
        """Wait until one more try can't lock the account, or the device takes our password anew."""
        refused = False
        while (left := Span(door.until - self._clock.monotonic())) > 0:
            if self._standing is None:
                await asyncio.sleep(left / SECOND)
                continue
            standing = self._standing.of(camera.camera_id)
            if refused and standing:
                door.until = Mono(0)
                return
            refused = refused or standing is False
            await self._standing.change.wait(within=left)

    async def _ask_time(self, camera: CameraSettings, client: OnvifClient) -> int:
        """What time it says it is, for its health; returns when to ask again, by our clock."""
        began = self._clock.monotonic()
        try:
            offset = await client.clock_offset(anew=True)
        except OnvifError as error:
            if error.trouble in (Trouble.UNREACHABLE, Trouble.SILENT, *_REFUSED):
                raise  # nor would it answer the next question
            return began + _CLOCK_EVERY
        error_most = Span(_WHOLE + self._clock.monotonic() - began)
        said = SaidTime(Span(offset), error_most, self._clock.now())
        self._reception.tell_time(camera.camera_id, said)
        off = abs(offset) > _CLOCK_OFF
        return self._clock.monotonic() + (_CLOCK_AGAIN if off else _CLOCK_EVERY)

    def _unheard(self, camera: CameraSettings, error: Exception) -> None:
        known = isinstance(error, VmsError)  # a bug's words are for the log
        detail = str(error) if known else "listening to it failed; see the log"
        trouble = str(error.trouble) if isinstance(error, OnvifError) else ""
        offered = trouble != Trouble.NO_SERVICE
        self._reception.tell(camera.camera_id, Heard(False, detail, offered, trouble))


class _Account(NamedTuple):
    """A device and who we are there: its channels are refused together."""

    place: str
    username: str | None
    password: Secret | None


class _Door:
    """What a device said to one account: asked by one of its channels at a time."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.refused: OnvifError | None = None
        self.until = Mono(0)

    def shut(self, error: OnvifError, until: Mono) -> None:
        """It refused; the channels that come after are told so without asking it."""
        if self.refused is not error:
            self.refused, self.until = error, until


_REFUSED_THERE = Heard(
    False,
    "The camera refuses our user and password for its video; once it takes them there, it is "
    "asked for its events.",
    trouble=Trouble.REFUSED,
)


def _account_of(camera: CameraSettings) -> _Account:
    place = urlsplit(camera.onvif or "").netloc.lower()
    return _Account(place, camera.username, camera.password)


def _shares_device(camera: CameraSettings) -> bool:
    """Whether its video comes from where its events do, and somebody could be locked out."""
    hosts = [urlsplit(url or "").hostname for url in (camera.source, camera.onvif)]
    return camera.username is not None and hosts[0] == hosts[1]


async def _renewed(events: PullPoints, point: PullPoint) -> None:
    """Renew it; by a camera that knows no Renew it is kept, or dropped, as it pleases."""
    try:
        await events.renew(point, LIFE_S)
    except OnvifError as error:
        if error.trouble not in UNKNOWN_CALL:
            raise


def _lasting(known: dict[tuple[Kind, str], bool]) -> list[Told]:
    return [Told(kind, source, on=True) for (kind, source), on in known.items() if on]


def _dialled(camera: CameraSettings) -> CameraSettings:
    """What of the settings matters here: a camera that is only renamed is not dialled anew."""
    return camera.model_copy(
        update={
            "name": "", "groups": (), "location": None, "inventory": None, "sub": None,
            "record": "off", "privacy": None, "pre_roll": 0, "post_roll": 0,
        }
    )  # fmt: skip


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
