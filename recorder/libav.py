"""The second source: whatever the native path does not speak, demuxed by libav through PyAV.

UDP, multicast, HTTP, SRT, RTMP, and files replayed in real time (`file:`, for tests). One thread
for each source reads and converts; the worker's sweep takes what is ready. libav ends a read by
itself after the silence limit, so the thread ends within it of being asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import av
import av.error
from av.container import InputContainer

from recorder.demuxed import VIDEO_RATE, Converter, Framing, Packet, audio_format, read_extradata
from recorder.rtp.nal import H264, H265
from recorder.source import SILENCE, STEP_DEADLINE, Batch, Element, Kind, SourceStats, Target
from vms.core.clock import SECOND, Clock, Span
from vms.core.dialling import Forbidden, places_now
from vms.core.errors import CameraError
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import Cause
from vms.core.networks import Networks

QUEUE_BYTES = 16 * 1024 * 1024
QUEUE_UNITS = 2_000
_RULES = {"h264": H264, "hevc": H265}
_FRAME_RATE = Fraction(25)  # only to stamp a first picture without a time
_RTSP_OPTIONS = {"allowed_media_types": "video+audio", "buffer_size": "1048576"}
_PROBE_OPTIONS = {"analyzeduration": "3000000", "probesize": "2000000", "fflags": "discardcorrupt"}
# Playlists (HLS, DASH, concat, SDP) name further addresses, which libav would open unchecked.
_FORMATS = "rtsp,rtp,mpegts,flv,live_flv,mov,matroska,mpjpeg,mjpeg,h264,hevc,avi,asf"
_JOIN = 0.5  # seconds to wait for the thread when closing; it ends by itself if libav blocks


@dataclass(frozen=True, slots=True)
class _Tracks:
    """What an opened container holds that we record; `audio` is a stream index or None."""

    converter: Converter
    video: int
    audio: int | None
    audio_rate: int


class _Queue:
    """Elements between the thread and the sweep.

    At most QUEUE_BYTES and QUEUE_UNITS: when full, units are dropped and counted until there is
    room at a keyframe again, so that what is handed on can be decoded.
    """

    def __init__(self, stats: SourceStats) -> None:
        self._stats = stats
        self._lock = threading.Lock()
        self._elements: list[Element] = []
        self._bytes = 0
        self._dropping = False

    def put(self, elements: list[Element]) -> None:
        with self._lock:
            for element in elements:
                self._put(element)

    def take(self) -> list[Element]:
        with self._lock:
            elements, self._elements = self._elements, []
            self._bytes = 0
            return elements

    def _put(self, element: Element) -> None:
        if not isinstance(element, AccessUnit):
            self._elements.append(element)
            return
        size = len(element.data)
        full = self._bytes + size > QUEUE_BYTES or len(self._elements) >= QUEUE_UNITS
        resumes = element.track is Track.VIDEO and element.key and not full
        self._dropping = full or (self._dropping and not resumes)
        if self._dropping:
            self._stats.dropped += 1
            return
        self._elements.append(element)
        self._bytes += size


class LibavSource:
    """One run through libav. `sweep` and `close` belong to the worker's thread."""

    kind: Kind = "libav"

    def __init__(
        self, target: Target, clock: Clock, reason: str, over_udp: bool, silence: Span
    ) -> None:
        self._target, self._clock, self._silence = target, clock, silence
        self._over_udp = over_udp
        self.reason: str | None = reason
        self.notes: tuple[str, ...] = ()
        self.stats = SourceStats()
        self.format: StreamFormat | None = None
        self.opened: Future[None] = Future()
        self._queue = _Queue(self.stats)
        self._stop = threading.Event()
        self._error: CameraError | None = None
        self._last_video = clock.monotonic()
        self._thread = threading.Thread(
            target=self._run, name=f"libav {target.stream}", daemon=True
        )

    def start(self) -> None:
        """Begin to connect; `opened` tells how that went."""
        self._thread.start()

    def fileno(self) -> int | None:
        return None

    def sweep(self) -> Batch:
        """Take what has come. Raises CameraError when the run is over, broken or silent."""
        error = self._error  # read before the queue: what came before the end is handed out
        batch = Batch(self._queue.take())
        for element in batch.units:
            if isinstance(element, StreamFormat):
                self.format = element
            elif isinstance(element, AccessUnit) and element.track is Track.VIDEO:
                self._last_video = element.arrival
        if batch.units:
            return batch
        if error is not None:
            raise error
        quiet = self._clock.monotonic() - self._last_video
        if quiet > self._silence:
            text = f"The camera has sent no video for {quiet / SECOND:.0f} s."
            raise CameraError(Cause.SILENT, text)
        return batch

    def close(self) -> None:
        """Ask the thread to end; libav says TEARDOWN itself."""
        self._stop.set()

    async def closed(self) -> None:
        """Wait a moment for the thread."""
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, _JOIN)

    def _run(self) -> None:
        try:
            container = _open(self._target, self._over_udp, self._silence)
            with contextlib.closing(container):
                tracks = _tracks(container, self.stats)
                self._last_video = self._clock.monotonic()
                self.opened.set_result(None)
                self._demux(container, tracks)
        except CameraError as error:
            self._fail(error)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._fail(_translate(error, opening=not self.opened.done()))

    def _fail(self, error: CameraError) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)
        self._error = error

    def _demux(self, container: InputContainer, tracks: _Tracks) -> None:
        for packet in self._paced(_packets(container, tracks, self._clock, self.stats)):
            if self._stop.is_set():
                return
            self._queue.put(tracks.converter.take(packet))
        raise CameraError(Cause.BROKEN_STREAM, "The stream has come to its end.")

    def _paced(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        """Files come as fast as time passes; everything else comes when it comes."""
        if not self._target.url.lower().startswith("file:"):
            yield from packets
            return
        start, first = self._clock.monotonic(), None
        for packet in packets:
            if packet.track is Track.VIDEO and packet.pts is not None:
                first = packet.pts if first is None else first
                due = start + (packet.pts - first) * SECOND // VIDEO_RATE
                wait = (due - self._clock.monotonic()) / SECOND
                if wait > 0 and self._stop.wait(wait):
                    return
            yield Packet(packet.track, packet.data, packet.pts, self._clock.monotonic())


async def open_libav(
    target: Target,
    clock: Clock,
    reason: str,
    over_udp: bool = False,
    deadline: Span = STEP_DEADLINE,
    silence: Span = SILENCE,
) -> LibavSource:
    """Connect through libav; connecting and probing are three steps. Raises CameraError."""
    source = LibavSource(target, clock, reason, over_udp, silence)
    source.start()
    try:
        async with asyncio.timeout(3 * deadline / SECOND):
            await asyncio.wrap_future(source.opened)
    except TimeoutError:
        source.close()
        text = f"libav could not open the stream within {3 * deadline / SECOND:g} s."
        raise CameraError(Cause.UNREACHABLE, text) from None
    except BaseException:
        source.close()
        raise
    return source


def _open(target: Target, over_udp: bool, silence: Span) -> InputContainer:
    scheme = target.url.partition(":")[0].lower()
    options = _PROBE_OPTIONS | {"format_whitelist": _FORMATS}
    if scheme in ("rtsp", "rtsps"):
        lower = "udp+udp_multicast" if over_udp else "tcp"
        options |= _RTSP_OPTIONS | {"rtsp_transport": lower}
    place = target.dialled()
    if scheme == "file":
        place = place.removeprefix("file://").removeprefix("file:")
    else:
        place = _numbered(place, target.reach)
    if scheme in ("http", "https"):
        options["max_redirects"] = "0"  # to where nobody checked
    if scheme != "file" and target.username is not None:
        secret = target.password.reveal() if target.password is not None else ""
        head, _, rest = place.partition("://")
        place = f"{head}://{quote(target.username, safe='')}:{quote(secret, safe='')}@{rest}"
    limit = silence / SECOND
    return av.open(place, options=options, timeout=(limit, limit))


def _numbered(url: str, reach: Networks) -> str:
    """The address with its host as the number that was checked, so that libav looks up nothing.

    Raises CameraError.
    """
    parts = urlsplit(url)
    host, listens = parts.hostname or "", parts.scheme.lower() in ("udp", "rtp", "srt")
    if listens and host in ("", "0.0.0.0", "::"):  # noqa: S104 - somebody sends to us
        return url
    try:
        number = str(places_now(host, parts.port or 0, reach)[0][1][0])
    except Forbidden as error:
        raise CameraError(Cause.UNREACHABLE, f"Not dialled: {error}.") from None
    except OSError as error:
        said = f"The name {host} can't be resolved: {error.strerror}."
        raise CameraError(Cause.UNREACHABLE, said) from None
    before, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port is not None else ""
    bare = f"[{number}]" if ":" in number else number
    return urlunsplit(parts._replace(netloc=f"{before}{at}{bare}{port}"))


def _tracks(container: InputContainer, stats: SourceStats) -> _Tracks:
    if not container.streams.video:
        raise CameraError(Cause.NO_VIDEO, "The source offers a stream without video.")
    video = container.streams.video[0]
    rules = _RULES.get(video.codec_context.name)
    if rules is None:
        raise CameraError(
            Cause.UNSUPPORTED_CODEC,
            f"The source sends its video as {video.codec_context.name}; "
            "only H.264 and H.265 can be recorded.",
        )
    extra = video.codec_context.extradata
    framing = read_extradata(rules, extra) if extra else Framing(0, [])
    audio, sound = None, None
    for stream in container.streams.audio:
        codec = stream.codec_context
        sound = audio_format(
            codec.name, codec.sample_rate or 0, codec.layout.nb_channels, codec.extradata or b""
        )
        if sound is not None:
            audio = stream.index
            break
    frame = int(VIDEO_RATE / (video.average_rate or _FRAME_RATE))
    converter = Converter(rules, framing, frame, sound, stats)
    return _Tracks(converter, video.index, audio, sound.clock_rate if sound else 0)


def _packets(
    container: InputContainer, tracks: _Tracks, clock: Clock, stats: SourceStats
) -> Iterator[Packet]:
    wanted = [index for index in (tracks.video, tracks.audio) if index is not None]
    for packet in container.demux([container.streams[index] for index in wanted]):
        if packet.size == 0:
            continue  # libav's mark of the end
        if packet.is_corrupt:
            stats.damaged += 1
            continue
        is_video = packet.stream_index == tracks.video
        track, rate = (Track.VIDEO, VIDEO_RATE) if is_video else (Track.AUDIO, tracks.audio_rate)
        time = packet.pts if packet.pts is not None else packet.dts
        pts = None if time is None else _ticks(time, packet.time_base, rate)
        yield Packet(track, bytes(packet), pts, clock.monotonic())


def _ticks(time: int, base: Fraction, rate: int) -> int:
    return time * base.numerator * rate // base.denominator


_CAUSES: tuple[tuple[tuple[type[Any], ...], Cause, str], ...] = (
    (
        (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError),
        Cause.REFUSED,
        "It does not accept the user and password",
    ),
    (
        (av.error.HTTPNotFoundError, av.error.HTTPClientError, FileNotFoundError),
        Cause.NOT_FOUND,
        "The source answers, but has no such stream",
    ),
    (
        (av.error.ProtocolNotFoundError, av.error.OptionNotFoundError),
        Cause.NOT_FOUND,
        "This kind of address can't be read",
    ),
)


def _translate(error: Exception, *, opening: bool) -> CameraError:
    """libav's error in our words. Its own text is not used: it repeats the URL with password."""
    said = getattr(error, "strerror", None) or type(error).__name__
    for kinds, cause, words in _CAUSES:
        if isinstance(error, kinds):
            return CameraError(cause, f"{words} ({said}).")
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        cause = Cause.UNREACHABLE if opening else Cause.SILENT
        return CameraError(cause, "The source does not answer any more (libav gave up waiting).")
    if isinstance(error, av.error.InvalidDataError):
        return CameraError(Cause.BROKEN_STREAM, f"libav can't read what the source sends ({said}).")
    cause = Cause.UNREACHABLE if opening else Cause.BROKEN_STREAM
    return CameraError(cause, f"The connection through libav failed ({said}).")
