"""What stands on a volume, folder by folder: streams, their hours, the files of an hour.

Reads only, and holds one folder at a time. What is not ours is told, never followed. A folder that
can't be listed raises OSError, or is told to `refused` and counts as empty: what one sick folder
hides must not stop the cameras that have nothing in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from storage.layout import HOUSE, Place, hour_of, read_name, stream_folder
from vms.core.clock import HOUR, Instant
from vms.core.model import StreamKey, is_camera_id

Refused = Callable[[Path, OSError], None]

_SYSTEM = frozenset({HOUSE, "lost+found"})
"""Folders at a volume's root that are not footage: ours, and that of ext4."""


def streams_on(root: Path, refused: Refused | None = None) -> Iterator[StreamKey]:
    """The streams that have a folder on a volume."""
    for camera in folders_in(root, refused):
        if not is_camera_id(camera):
            continue  # nobody's footage: nor need we be let in (ext4's lost+found is root's)
        for name in folders_in(root / camera, refused):
            try:
                yield StreamKey.parse(f"{camera}/{name}")
            except ValueError:
                continue


def hours_on(
    root: Path, stream: StreamKey, refused: Refused | None = None
) -> Iterator[tuple[Instant, Path]]:
    """The hours a stream has a folder for on a volume, in order."""
    folder = root / stream_folder(stream)
    for day in folders_in(folder, refused):
        for hour in folders_in(folder / day, refused):
            at = hour_of(day, hour)
            if at is not None:
                yield at, folder / day / hour


def files_of(
    stream: StreamKey, hour: Instant, folder: Path, refused: Refused | None = None
) -> tuple[list[tuple[Place, Path]], list[Path]]:
    """Footage in an hour's folder in order, and what stands there and is none of that hour's."""
    footage, strangers = [], []
    for name, _ in _listed(folder, refused):
        read = read_name(name)
        if read is None or read[0] // HOUR * HOUR != hour:
            strangers.append(folder / name)
        else:
            footage.append((Place(stream, *read), folder / name))
    return footage, strangers


def strangers_above(root: Path) -> Iterator[Path]:
    """Files on a volume outside the folders that can hold footage, but for those of the house."""
    for name, is_folder in _listed(root):
        if not is_folder:
            yield root / name
        elif name not in _SYSTEM:
            yield from _strangers(root, root / name, 1)


def folders_in(path: Path, refused: Refused | None = None) -> list[str]:
    """Names of the folders in a folder that are not hidden, in order; none if it is gone."""
    listed = _listed(path, refused)
    return [name for name, is_folder in listed if is_folder and not name.startswith(".")]


def _strangers(root: Path, folder: Path, depth: int) -> Iterator[Path]:
    """`depth` 1: a camera, 2: a stream, 3: a day; what lies in an hour, `files_of` tells."""
    for name, is_folder in _listed(folder):
        path = folder / name
        if not is_folder:
            yield path
        elif depth < 3:
            yield from _strangers(root, path, depth + 1)
        elif not _is_hour(path.relative_to(root)):
            yield from (Path(at) / file for at, _, files in os.walk(path) for file in files)


def _is_hour(path: Path) -> bool:
    camera, name, day, hour = path.parts
    try:
        StreamKey.parse(f"{camera}/{name}")
    except ValueError:
        return False
    return hour_of(day, hour) is not None


def _listed(path: Path, refused: Refused | None = None) -> list[tuple[str, bool]]:
    try:
        with os.scandir(path) as entries:
            return sorted((entry.name, entry.is_dir()) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if refused is None:
            raise
        refused(path, error)
        return []
