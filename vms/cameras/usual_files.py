"""What cameras usually look like, kept as small files: `health/<camera>.npz` under the data folder.

Replaced whole, so that a reader sees the old or the new one. A file that can't be read is as if it
were not there: what is usual is learnt again within minutes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from vms.cameras.health.usual import Usual
from vms.core.log import get_logger
from vms.core.model import CameraId

log = get_logger(__name__)

_ENDING = ".npz"
_SIZE_MAX = 1_000_000  # a dozen looks are 40 KB


class UsualFiles:
    """The files of one site. Calls block for the disk."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "health"

    def read(self, camera: CameraId) -> Usual:
        """What is known of a camera; nothing without a file."""
        path = self._path(camera)
        try:
            if path.stat().st_size > _SIZE_MAX:
                raise ValueError(f"no usual looks: {path.stat().st_size} bytes")
            return Usual.from_bytes(path.read_bytes())
        except FileNotFoundError:
            return Usual()
        except (OSError, ValueError) as error:
            log.warning("usual looks are learnt anew", camera=camera, error=str(error))
            return Usual()

    def write(self, camera: CameraId, usual: Usual) -> None:
        """Keep what is known; without looks nothing is. Raises OSError."""
        path = self._path(camera)
        if not usual.looks:
            path.unlink(missing_ok=True)
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        fresh.write_bytes(usual.to_bytes())
        fresh.replace(path)

    def keep_only(self, cameras: Collection[str]) -> None:
        """Forget the cameras that are gone, and what a crash left half written."""
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.suffix != _ENDING or path.stem not in cameras:
                    path.unlink(missing_ok=True)

    def _path(self, camera: CameraId) -> Path:
        return self._folder / f"{camera}{_ENDING}"
