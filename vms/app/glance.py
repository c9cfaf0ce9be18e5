"""A look at what a camera shows though it is not recorded just now: the keyframe that its worker
holds for viewers. Nothing of it is kept."""

from __future__ import annotations

from storage.facts import Sample
from storage.key_picture import KeyPicture
from vms.core.clock import MILLISECOND, MINUTE, Clock, Instant, Span
from vms.core.config import Settings
from vms.core.live.glimpse import glimpse
from vms.core.log import get_logger
from vms.core.model import StreamKey, shard_of

log = get_logger(__name__)

_DEADLINE = Span(500 * MILLISECOND)
_SHUNNED = MINUTE  # a worker that does not answer costs one deadline in it, however many cameras


class Glances:
    """Of all streams of a site. Calls block, half a second at most."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._shunned: dict[int, Instant] = {}  # worker → when it did not answer

    def of(self, stream: StreamKey) -> KeyPicture | None:
        """The newest keyframe; None where there is none to be had."""
        worker = shard_of(stream.camera, self._settings.recorder.workers)
        now = self._clock.now()
        failed = self._shunned.get(worker)
        if failed is not None and 0 <= now - failed < _SHUNNED:
            return None
        self._shunned.pop(worker, None)
        try:
            path = self._settings.socket_path(f"recorder-{worker}")
            found = glimpse(path, stream, _DEADLINE)
        except OSError as error:
            self._shunned[worker] = now
            log.info("no live picture can be looked at", worker=worker, error=str(error))
            return None
        if found is None:
            return None
        sample = Sample(found.keyframe.unit.data, 0, 0, True)
        return KeyPicture(found.format, [sample], [0], 0, found.keyframe.wall)
