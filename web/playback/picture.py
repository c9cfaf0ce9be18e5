"""One picture of the past as a JPEG. Two at a time at most, so that scrubbing over many cameras
can't take the recorder's cores."""

from __future__ import annotations

import threading

from storage.archive import Archive
from storage.decoding import decode, jpeg, scaled
from storage.facts import Sample
from vms.core.clock import Instant, rfc3339
from vms.core.errors import NotFound, StorageError
from vms.core.media import VideoFormat
from vms.core.model import StreamKey
from web.playback.watermark import marked

_slots = threading.BoundedSemaphore(2)  # full: the next picture waits its turn in its thread


def jpeg_at(
    archive: Archive,
    stream: StreamKey,
    at: Instant,
    width: int | None = None,
    mark: str | None = None,
) -> bytes:
    """The picture that was on show at `at`. Raises NotFound where nothing is recorded.

    `width`: in pixels, the height follows; never larger than the picture is. `mark`: burnt in.
    """
    found = archive.keyframe_at(stream, at)
    if found is None:
        raise NotFound(f"{stream} has no footage at {rfc3339(at)}")
    with _slots:
        try:
            picture = decode(found.format.video, found.samples, found.pts, found.target)
            if mark is not None:
                picture = marked(scaled(picture, width), mark)
            return jpeg(picture, width)
        except StorageError as error:
            text = f"the picture of {stream} at {rfc3339(at)}: {error}"
            raise StorageError(error.cause, text) from error


def jpeg_of(video: VideoFormat, keyframe: bytes, width: int | None = None) -> bytes | None:
    """A coded keyframe (NAL units behind their lengths) as a JPEG; None if it can't be decoded."""
    with _slots:
        try:
            return jpeg(decode(video, [Sample(keyframe, 3_600, key=True)], [0], 0), width)
        except (NotFound, StorageError):
            return None
