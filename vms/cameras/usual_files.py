"""What is usual of cameras, kept as small files under the data folder: `health/<camera>.npz` what
they look like, `health/<camera>.json` their rates.

Replaced whole, so that a reader sees the old or the new one. A file that can't be read is as if it
were not there: what is usual is learnt again within minutes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

from vms.cameras.health.rates import UsualRates
from vms.cameras.health.usual import Usual
from vms.core.log import get_logger
from vms.core.model import CameraId

log = get_logger(__name__)

_LOOKS, _RATES = ".npz", ".json"
_SIZE_MAX = 1_000_000  # a dozen looks are 40 KB


class UsualFiles:
    """The files of one site. Calls block for the disk."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "health"

    def read(self, camera: CameraId) -> Usual:
        """What is known of a camera; nothing without a file."""
        data = self._data(camera, _LOOKS)
        if data is None:
            return Usual()
        try:
            return Usual.from_bytes(data)
        except ValueError as error:
            log.warning("usual looks are learnt anew", camera=camera, error=str(error))
            return Usual()

    def read_rates(self, camera: CameraId) -> UsualRates:
        """Its usual rates; nothing without a file."""
        data = self._data(camera, _RATES)
        if data is None:
            return UsualRates()
        try:
            return UsualRates.from_bytes(data)
        except ValueError as error:
            log.warning("usual rates are learnt anew", camera=camera, error=str(error))
            return UsualRates()

    def write(self, camera: CameraId, usual: Usual) -> None:
        """Keep what is known; without looks nothing is. Raises OSError."""
        if not usual.looks:
            self._path(camera, _LOOKS).unlink(missing_ok=True)
            return
        self._replace(self._path(camera, _LOOKS), usual.to_bytes())

    def write_rates(self, camera: CameraId, rates: UsualRates) -> None:
        """Keep its usual rates. Raises OSError."""
        self._replace(self._path(camera, _RATES), rates.to_bytes())

    def keep_only(self, cameras: Collection[str]) -> None:
        """Forget the cameras that are gone, and what a crash left half written."""
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if path.suffix not in (_LOOKS, _RATES) or path.stem not in cameras:
                    path.unlink(missing_ok=True)

    def _data(self, camera: CameraId, ending: str) -> bytes | None:
        """What a file holds; None without one, or where it can't be read."""
        path = self._path(camera, ending)
        try:
            if path.stat().st_size > _SIZE_MAX:
                raise OSError(f"{path.name} has {path.stat().st_size} bytes")
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("what is usual is learnt anew", camera=camera, error=str(error))
            return None

    def _replace(self, path: Path, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f"{path.suffix}.{os.getpid()}.tmp")
        fresh.write_bytes(data)
        fresh.replace(path)

    def _path(self, camera: CameraId, ending: str) -> Path:
        return self._folder / f"{camera}{ending}"
