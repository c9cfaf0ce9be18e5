"""The footage of a camera: fragment lists, byte ranges, HLS playlist, single pictures."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from storage.decoding import WIDTH_MAX
from storage.facts import FragmentIndex, SegmentFacts
from vms.core.clock import DAY, MILLISECOND, SECOND, Instant, rfc3339
from vms.core.errors import NotFound
from vms.core.model import CameraId, StreamKey
from vms.people.audit.entry import What
from vms.people.audit.viewing import seen_of
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.api.known import footage_of, mark_of
from web.api.past import Asked, Looks, Stream, shown_to, time_or_none
from web.api.times import LAST, Moment
from web.parts import parts_of
from web.permit import Eyes, Permit
from web.playback.files import ChangedSpan, FileSpan
from web.playback.hls import PlaylistFile, playlist
from web.playback.picture import jpeg_at
from web.playback.ranges import ByteRange, Unsatisfiable, etag_matches, parse_range
from web.playback.retime import retimed, shifts
from web.playback.silence import silenced
from web.problems import Problem
from web.witness import saw

router = APIRouter(
    prefix="/api/cameras/{camera}",
    tags=["archive"],
    dependencies=[Depends(Permit(Permission.ARCHIVE))],
)
pictures = APIRouter(prefix="/api/cameras/{camera}", tags=["archive"])
Snaps = Annotated[SignedIn, Depends(Permit(Permission.SNAPSHOT))]

# A list of fragments has 60 entries a minute; what is left out is found by `next`.
SEGMENTS_PER_LIST = 120
PLAYLIST_LONGEST = DAY
HLS = "application/vnd.apple.mpegurl"


class Segment(BaseModel):
    """One stored file. `fragments`: [ms from the segment's start, byte offset, bytes, 1 if it
    begins with a keyframe]. `open`: it is still written and will have more."""

    id: str
    start: str
    end: str
    mime: str
    video_codec: str
    audio_codec: str | None
    url: str
    init_length: int
    fragments: list[tuple[float, int, int, int]]
    open: bool


class Media(BaseModel):
    """What to fetch for [start, end). `next`: where footage goes on after the listed, or null."""

    start: str
    end: str
    segments: list[Segment]
    next: str | None


@router.get("/media")
def media(camera: str, request: Request, asked: Asked, by: Looks, stream: Stream = "main") -> Media:
    """Which bytes to fetch to show a span; to who may not hear, as files without sound."""
    archive, shown = parts_of(request).archive, shown_to(request, by)
    key = footage_of(parts_of(request), camera, stream)
    found = shown.segments(key, asked.start, asked.end)
    wanted = found[:SEGMENTS_PER_LIST]
    eyes = Eyes(request, by.identity)
    listed = [
        _segment(segment, index, _hears(eyes, segment))
        for segment, index in zip(wanted, archive.fragments_of(wanted), strict=True)
    ]
    if len(found) > SEGMENTS_PER_LIST:
        following: Instant | None = found[SEGMENTS_PER_LIST].start
    else:
        following = shown.next_start(key, max([asked.end, *(one.end for one in found[-1:])]))
    return Media(
        start=rfc3339(asked.start),
        end=rfc3339(asked.end),
        segments=listed,
        next=time_or_none(following),
    )


@router.head("/segments/{start_ns}.mp4", response_class=Response, include_in_schema=False)
@router.get(
    "/segments/{start_ns}.mp4", response_class=Response, responses=answers.ranges("video/mp4")
)
def segment_file(
    camera: str,
    start_ns: Annotated[int, Path(ge=0, le=LAST)],
    request: Request,
    by: Looks,
    stream: Stream = "main",
    since: Annotated[int | None, Query(ge=0, le=LAST)] = None,
) -> Response:
    """A stored file or one byte range of it; a file still being written as far as it is.

    `since`: an instant in nanoseconds before the file's start that its times shall count from.
    Who may not hear gets the file without its sound: every offset the same, up to its last
    fragment.
    """
    parts = parts_of(request)
    key = footage_of(parts, camera, stream)
    segment = parts.archive.segment(key, Instant(start_ns))
    if since is not None and since > segment.start:
        raise Problem(422, "bad_span", "since must not lie after the file's start.")
    _require_shown(request, by, segment)
    eyes = Eyes(request, by.identity)
    silent = segment.audio_codec is not None and not _hears(eyes, segment)
    if segment.audio_codec is not None and not silent:  # and while it is sent
        eyes.require(Permission.SOUND, key.camera, segment.start, until=_end(segment))
    descriptor = parts.archive.open(segment)
    try:
        return _file_answer(request, descriptor, segment, since, silent)
    except BaseException:
        os.close(descriptor)
        raise


@router.get("/playback.m3u8", response_class=Response, responses=answers.text(HLS))
def playback(
    camera: str, request: Request, asked: Asked, by: Looks, stream: Stream = "main"
) -> Response:
    """An HLS playlist of a span, for other software."""
    if asked.end - asked.start > PLAYLIST_LONGEST:
        raise Problem(422, "bad_span", "A playlist spans 24 hours at most.")
    archive, shown = parts_of(request).archive, shown_to(request, by)
    key = footage_of(parts_of(request), camera, stream)
    found = shown.segments(key, asked.start, asked.end)
    if not found:
        raise _nothing(key, asked.start, shown.next_start(key, asked.end))
    # Software that plays a list can't take a track that comes and goes.
    eyes = Eyes(request, by.identity)
    hears = all(_hears(eyes, one) for one in found)
    files = [
        _playlist_file(segment, index, found[0].start, hears)
        for segment, index in zip(found, archive.fragments_of(found), strict=True)
    ]
    text = playlist(files, asked.start, asked.end)
    return Response(text, media_type=HLS)


@pictures.get("/frame.jpg", response_class=Response, responses=answers.whole("image/jpeg"))
def frame(
    camera: str,
    request: Request,
    at: Annotated[Moment, Query(description="RFC 3339")],
    by: Snaps,
    stream: Stream = "main",
    width: Annotated[int | None, Query(ge=16, le=WIDTH_MAX)] = None,
) -> Response:
    """The picture that was on show at a time; for who may look back and take single pictures."""
    eyes = Eyes(request, by.identity)
    eyes.require(Permission.ARCHIVE, CameraId(camera), Instant(at))
    archive, shown = parts_of(request).archive, shown_to(request, by)
    key = footage_of(parts_of(request), camera, stream)
    if shown.hides_at(key, Instant(at)):
        raise Problem(403, "blocked", f"{camera} is hidden from you at {rfc3339(at)} by a block.")
    try:
        mark = mark_of(by.identity, parts_of(request))
        picture = jpeg_at(archive, key, Instant(at), width, mark)
    except NotFound:
        raise _nothing(key, Instant(at), shown.next_start(key, Instant(at))) from None
    saw(request, What.SNAPSHOT, camera, stream, (Instant(at), Instant(at + SECOND)))
    return Response(picture, media_type="image/jpeg")


def _require_shown(request: Request, by: SignedIn, segment: SegmentFacts) -> None:
    """Raise Problem for a file with a hidden moment; it is asked again while it is sent."""
    eyes, camera = Eyes(request, by.identity), segment.stream.camera
    eyes.require(Permission.ARCHIVE, camera, segment.start, until=_end(segment))


def _tell_seen(request: Request, segment: SegmentFacts, span: ByteRange) -> None:
    """Which of its footage goes out: `span` is what is sent, whatever was asked for. What a browser
    kept and asks about counts as well."""
    if request.method == "HEAD":
        return
    first, stop = span.start, span.start + span.length
    index = parts_of(request).archive.fragments(segment)
    places = [(one.start, one.offset, one.size) for one in index.fragments]
    seen = seen_of(places, segment.end, first, stop)
    if seen is not None:
        saw(request, What.LOOK_BACK, segment.stream.camera, segment.stream.name, seen)


def _file_answer(
    request: Request, descriptor: int, segment: SegmentFacts, since: int | None, silent: bool
) -> Response:
    """The answer; it closes the descriptor."""
    plain = segment.sha256 is not None and since is None and not silent
    etag = f'"{segment.sha256.hex()}"' if segment.sha256 is not None and plain else None
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    if etag is not None:
        # Never changes its bytes; still asked about each time: whoever signed out sees no more.
        headers |= {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag_matches(request.headers.get("if-none-match"), etag):
        _tell_seen(request, segment, ByteRange(0, segment.size))
        os.close(descriptor)
        return Response(None, 304, headers)
    wanted = request.headers.get("range")
    if request.headers.get("if-range", etag) != etag:
        wanted = None
    changed = since is not None or silent
    index = parts_of(request).archive.fragments(segment) if changed else None
    size = segment.size
    if index is not None and silent:  # bytes whose fragment is not known yet may be sound
        size = max([index.init_length, *(one.offset + one.size for one in index.fragments[-1:])])
    try:
        span = parse_range(wanted, size)
    except Unsatisfiable:
        headers = {"Content-Range": f"bytes */{size}"}
        detail = f"The file has {size} bytes."
        raise Problem(416, "range", detail, headers=headers) from None
    status = 200
    if span is None:
        span = ByteRange(0, size)
    else:
        status, headers["Content-Range"] = 206, span.content_range(size)
    _tell_seen(request, segment, span)
    if index is None:
        return FileSpan(descriptor, span, status, headers)
    ticks = {} if since is None else shifts(segment.format, segment.start - since)

    def change(data: bytes) -> bytes:
        moved = retimed(data, ticks) if ticks else data
        return silenced(moved) if silent else moved

    head = index.init_length if silent else 0
    return ChangedSpan(descriptor, span, status, headers, index.fragments, change, head)


def _hears(eyes: Eyes, segment: SegmentFacts) -> bool:
    """Whether somebody may hear all of a file, if there is something to hear."""
    if segment.audio_codec is None:
        return True
    camera = segment.stream.camera
    return eyes.may(Permission.SOUND, camera, segment.start, until=_end(segment))


def _end(segment: SegmentFacts) -> Instant:
    return max(segment.end, Instant(segment.start + 1))


def _playlist_file(
    segment: SegmentFacts, index: FragmentIndex, since: Instant, hears: bool
) -> PlaylistFile:
    url = f"segments/{segment.start}.mp4?stream={segment.stream.name}&since={since}"
    form = segment.format if hears else replace(segment.format, audio=None)
    return PlaylistFile(url, segment.start, segment.end, index, form)


def _segment(segment: SegmentFacts, index: FragmentIndex, hears: bool) -> Segment:
    key = segment.stream
    silent = segment.audio_codec is not None and not hears
    pictures = f'video/mp4; codecs="{segment.format.video.mime_codec}"'
    return Segment(
        id=segment.id,
        start=rfc3339(segment.start),
        end=rfc3339(segment.end),
        mime=pictures if silent else segment.mime,
        video_codec=segment.video_codec,
        audio_codec=None if silent else segment.audio_codec,
        url=f"/api/cameras/{key.camera}/segments/{segment.start}.mp4?stream={key.name}",
        init_length=index.init_length,
        fragments=[
            ((f.start - segment.start) / MILLISECOND, f.offset, f.size, int(f.key))
            for f in index.fragments
        ],
        open=segment.open,
    )


def _nothing(key: StreamKey, at: Instant, following: Instant | None) -> Problem:
    when = f"; the next footage begins at {rfc3339(following)}" if following is not None else ""
    return Problem(
        404,
        "no_footage",
        f"{key} has no footage at {rfc3339(at)}{when}.",
        next=time_or_none(following),
    )
