"""How cameras take our user and password at the recorder, which asks them first.

Devices count refusals, whoever is refused: who else asks them waits for what the recorder found
out, and asks none that refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping

from vms.core.change import Change
from vms.core.model import CameraId, Cause, State, StreamKey
from vms.core.status import StreamStatus

_INSIDE = (State.RECORDING, State.STREAMING, State.WAITING)


class Standing:
    """One word a camera: let in (True), refused (False), or not known (None); `change` tells when
    one of them is another. Used from one event loop."""

    def __init__(self) -> None:
        self._of: dict[CameraId, bool] = {}
        self.change = Change()

    def told(self, streams: Mapping[StreamKey, StreamStatus]) -> None:
        """How the recorder's streams are now. A camera that lets one in is no refusing one."""
        found: dict[CameraId, bool] = {}
        for key, status in streams.items():
            if status.state in _INSIDE:
                found[key.camera] = True
            elif status.cause is Cause.REFUSED:
                found.setdefault(key.camera, False)
        if found != self._of:
            self._of = found
            self.change.tell()

    def of(self, camera: CameraId) -> bool | None:
        """The word for one camera."""
        return self._of.get(camera)
