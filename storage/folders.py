"""What stands on a volume, folder by folder: streams, their hours, the files of an hour.

Reads only, and holds one folder at a time. What is not ours is told, never followed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from storage.layout import HOUSE, Place, hour_of, read_name, stream_folder
from vms.core.clock import HOUR, Instant
from vms.core.model import StreamKey

_SYSTEM = frozenset({HOUSE, "lost+found"})
"""Folders at a volume's root that are not footage: ours, and that of ext4."""


def streams_on(root: Path) -> Iterator[StreamKey]:
    """The streams that have a folder on a volume."""
    for camera in folders_in(root):
        for name in folders_in(root / camera):
            try:
                yield StreamKey.parse(f"{camera}/{name}")
            except ValueError:
                continue


def hours_on(root: Path, stream: StreamKey) -> Iterator[tuple[Instant, Path]]:
    """The hours a stream has a folder for on a volume, in order."""
    folder = root / stream_folder(stream)
    for day in folders_in(folder):
        for hour in folders_in(folder / day):
            at = hour_of(day, hour)
            if at is not None:
                yield at, folder / day / hour


def files_of(
    stream: StreamKey, hour: Instant, folder: Path
) -> tuple[list[tuple[Place, Path]], list[Path]]:
    """Footage in an hour's folder in order, and what stands there and is none of that hour's."""
    footage, strangers = [], []
    for name, _ in _listed(folder):
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


def folders_in(path: Path) -> list[str]:
    """Names of the folders in a folder that are not hidden, in order; none if it is gone."""
    return [name for name, is_folder in _listed(path) if is_folder and not name.startswith(".")]


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


def _listed(path: Path) -> list[tuple[str, bool]]:
    try:
        with os.scandir(path) as entries:
            return sorted((entry.name, entry.is_dir()) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
