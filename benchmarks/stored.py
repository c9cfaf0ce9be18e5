"""Reading stored segments back with a reader that is not ours: libav, through PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import av.error


def coded_units(files: Iterable[Path]) -> Iterator[bytes]:
    """Every coded picture of `files` in order, NAL units behind 4-byte lengths, untouched."""
    for file in files:
        with av.open(str(file), metadata_errors="replace") as container:
            for packet in container.demux(video=0):
                if packet.size:
                    yield bytes(packet)


def unreadable(files: Iterable[Path]) -> list[Path]:
    """The files that libav can't open or read to their end."""
    bad = []
    for file in files:
        try:
            for _ in coded_units([file]):
                pass
        except (av.error.FFmpegError, ValueError):
            bad.append(file)
    return bad


def segment_files(volume: Path, camera: str) -> list[Path]:
    """A camera's finished main segments, by time."""
    return sorted(file for file in volume.rglob("*.mp4") if camera in file.parts)
