"""The native source: RTSP over TCP or TLS, read by ourselves in large gulps (design §5).

A thin shell around `rtp.demux`: one `recv_into` a sweep into a buffer all cameras of the worker
share, the unread tail kept for the next sweep; keep-alive, receiver reports and silence are
looked after in passing. What libav must do is told by `NotNative`.
"""

from __future__ import annotations

import contextlib
import functools
import random
import ssl

from recorder.rtp.aac import AacDepacketiser, AacFraming, config_facts, config_from_fmtp
from recorder.rtp.demux import Demuxer, TrackSetup
from recorder.rtp.g711 import G711Depacketiser
from recorder.rtp.nal import RULES
from recorder.rtp.parameters import ParameterSets, sets_from_fmtp
from recorder.rtp.rtcp import receiver_report
from recorder.rtp.sound import AudioDepacketiser
from recorder.rtsp.address import Address, BadAddress, parse_address
from recorder.rtsp.auth import Authenticator
from recorder.rtsp.connection import Connection, connect
from recorder.rtsp.dialogue import Dialogue, reply
from recorder.rtsp.messages import Message, Request
from recorder.rtsp.negotiation import AgreedTrack, Agreement, Redirected, negotiate
from recorder.rtsp.transcript import Transcript
from recorder.source import (
    SILENCE,
    STEP_DEADLINE,
    Batch,
    Element,
    Kind,
    SourceStats,
    Target,
)
from vms.core.clock import SECOND, Clock, Mono, Span
from vms.core.errors import CameraError
from vms.core.media import AudioFormat, StreamFormat
from vms.core.model import Cause

SCRATCH = 2 * 1024 * 1024
_READS_MAX = 4  # gulps a sweep: one camera never holds the others up
_UNSENT_MAX = 16 * 1024
_REPORT_EVERY = 5 * SECOND
_KEEP_ALIVE_LEAST, _KEEP_ALIVE_MOST = 2 * SECOND, 30 * SECOND
_GOODBYE_PATIENCE = 2 * SECOND
_WHOLE_PATIENCE = 30 * SECOND  # a large keyframe over a slow line takes its time
_REDIRECTS = 3
_WANT_IO = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@functools.cache
def _scratch() -> bytearray:
    """The buffer every sweep of this process reads into; it holds nothing between sweeps."""
    return bytearray(SCRATCH)


class NativeSource:
    """One playing RTSP connection. Only the worker's loop thread touches it."""

    kind: Kind = "native"
    reason: str | None = None

    def __init__(
        self,
        connection: Connection,
        agreement: Agreement,
        clock: Clock,
        rng: random.Random,
        silence: Span = SILENCE,
    ) -> None:
        self._socket, self._peer = connection.socket, connection.peer
        self._dialogue, self._agreement = connection.dialogue, agreement
        self._clock, self._silence = clock, silence
        self._keeps_alive_by = agreement.keep_alive
        self.stats = SourceStats()
        self.notes = agreement.notes
        self._demuxer = _demuxer(agreement, self.stats)
        self._tail = connection.take_over()  # at most one frame or message after each sweep
        self._unsent = b""  # more than _UNSENT_MAX: nothing further is sent until it drains
        self._ssrc = rng.getrandbits(32)
        self._over: CameraError | None = None
        self._closed = False
        self._signed_again = False
        now = clock.monotonic()
        self._started = self._whole = now  # `_whole`: when pictures last came whole
        self._newest = 0
        self._next_report = now + _REPORT_EVERY
        every = min(max(agreement.timeout // 2, _KEEP_ALIVE_LEAST), _KEEP_ALIVE_MOST)
        self._keep_alive_every = Span(every)
        self._next_keep_alive = now + every

    @property
    def format(self) -> StreamFormat | None:
        return self._demuxer.format

    def fileno(self) -> int | None:
        return None if self._closed else self._socket.fileno()

    def sweep(self) -> Batch:
        """Take what has come. Raises CameraError when the run is over, broken or silent."""
        if self._over is not None:
            raise self._over
        batch = Batch()
        now = self._clock.monotonic()
        try:
            self._read(now, batch.units)
            self._converse(now)
            self._check_life(now)
        except CameraError as error:
            self._over = error
            if not batch.units:
                raise
        return batch

    def close(self) -> None:
        """Say goodbye and close; never blocks."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            self._send(self._dialogue.ask("TEARDOWN", self._agreement.uri))
        # Unread bytes would turn the close into a reset, which can overtake the TEARDOWN.
        with contextlib.suppress(OSError):
            for _ in range(_READS_MAX):
                if not self._socket.recv_into(_scratch()):
                    break
        self._socket.close()

    async def closed(self) -> None:
        """Nothing outlives `close`."""

    def _read(self, now: Mono, out: list[Element]) -> None:
        scratch = _scratch()
        view = memoryview(scratch)
        for _ in range(_READS_MAX):
            kept = len(self._tail)
            view[:kept] = self._tail
            end, ended = self._receive(view, kept)
            if end:
                done = self._demuxer.feed(scratch, end, now, out)
                self._tail = bytes(view[done:end])
            if ended is not None:
                self._demuxer.finish(now, out)
                raise ended
            if end < SCRATCH:
                return

    def _receive(self, view: memoryview, start: int) -> tuple[int, CameraError | None]:
        """Fill from `start` with what the kernel has; how far, and whether it was the last."""
        end = start
        while end < SCRATCH:
            try:
                count = self._socket.recv_into(view[end:])
            except _WANT_IO:
                return end, None
            except OSError as error:
                text = f"{self._peer} broke the connection: {error.strerror or error}."
                return end, CameraError(Cause.BROKEN_STREAM, text)
            if not count:
                text = f"{self._peer} closed the connection."
                return end, CameraError(Cause.BROKEN_STREAM, text)
            end += count
            if not isinstance(self._socket, ssl.SSLSocket):
                return end, None  # one gulp took all there was; TLS gives a record at a time
        return end, None

    def _converse(self, now: Mono) -> None:
        """Answer, report and keep alive; none of it waits for anything."""
        if self._demuxer.messages:
            messages, self._demuxer.messages = self._demuxer.messages, []
            for message in messages:
                self._hear(message)
        if self._unsent:
            self._send(b"")
        if now >= self._next_report:
            self._next_report = now + _REPORT_EVERY
            for channel, received in self._demuxer.reports(now):
                packet = receiver_report(self._ssrc, received, "gozcu")
                self._send(b"$" + bytes((channel,)) + len(packet).to_bytes(2, "big") + packet)
        if now >= self._next_keep_alive:
            self._next_keep_alive = now + self._keep_alive_every
            self._signed_again = False
            self._send(self._dialogue.ask(self._keeps_alive_by, self._agreement.uri))

    def keep_alive(self) -> None:
        """Say now what keeps the session, instead of when its time comes."""
        self._next_keep_alive = self._clock.monotonic()

    def _hear(self, message: Message) -> None:
        self._dialogue.hear(message)
        if isinstance(message, Request):
            self._send(reply(message))
            if message.method == "TEARDOWN":
                raise CameraError(Cause.BROKEN_STREAM, f"{self._peer} ended the session.")
        elif message.status == 401 and self._dialogue.challenged(message) is not None:
            # The sign-in's nonce has grown stale; a keep-alive with the new one repairs it, once.
            if self._signed_again:
                return
            self._signed_again = True
            self._send(self._dialogue.ask(self._keeps_alive_by, self._agreement.uri))
        elif message.status >= 400 and self._keeps_alive_by != "OPTIONS":
            # It offered what it does not know, and would end the session for want of a sign.
            self._keeps_alive_by = "OPTIONS"
            self._send(self._dialogue.ask("OPTIONS", self._agreement.uri))

    def _send(self, data: bytes) -> None:
        """Send what the kernel takes; the rest waits, whole messages only."""
        if len(self._unsent) + len(data) > _UNSENT_MAX:
            return
        data = self._unsent + data
        try:
            self._unsent = data[self._socket.send(data) :]
        except _WANT_IO:
            self._unsent = data
        except OSError as error:
            text = f"{self._peer} broke the connection: {error.strerror or error}."
            raise CameraError(Cause.BROKEN_STREAM, text) from error

    def _check_life(self, now: Mono) -> None:
        last = self._demuxer.video_arrival or self._started
        if now - last > self._silence:
            seconds = (now - last) / SECOND
            text = f"{self._peer} has sent no video for {seconds:.0f} s."
            raise CameraError(Cause.SILENT, text)
        newest = self._demuxer.newest
        if newest != self._newest or self._demuxer.format is None:
            self._newest, self._whole = newest, now
        if now - self._whole > _WHOLE_PATIENCE:
            seconds = (now - self._whole) / SECOND
            text = f"{self._peer} sends packets, but no whole picture for {seconds:.0f} s."
            raise CameraError(Cause.BROKEN_STREAM, text)
        if self._demuxer.goodbye and now - last > _GOODBYE_PATIENCE:
            raise CameraError(Cause.BROKEN_STREAM, f"{self._peer} ended the stream (RTCP BYE).")


async def refuse_redirection(target: Target, deadline: Span = STEP_DEADLINE) -> None:
    """Raise CameraError if the camera sends callers elsewhere: libav would follow, unchecked."""
    address = _address(target.dialled())[0]
    asked = []
    with contextlib.suppress(CameraError):  # libav says itself what is wrong
        connection = await connect(address, Dialogue(None, None), deadline, target.reach)
        try:
            for method in ("OPTIONS", "DESCRIBE"):
                asked.append(await connection.request(method, address.uri))  # noqa: PERF401
        finally:
            connection.abandon()
    if any(300 <= one.status < 400 for one in asked):
        text = f"{address.host} redirects to another address, which libav would follow unchecked."
        raise CameraError(Cause.NOT_FOUND, text)


async def open_native(
    target: Target,
    clock: Clock,
    rng: random.Random,
    deadline: Span = STEP_DEADLINE,
    silence: Span = SILENCE,
    transcript: Transcript | None = None,
) -> NativeSource:
    """Connect, sign in and play; `deadline` is for each step. Raises CameraError."""
    address, user, password = _address(target.dialled())
    user = target.username if target.username is not None else user
    if target.password is not None:
        password = target.password.reveal()
    for _ in range(_REDIRECTS):
        authenticator = Authenticator(user, password or "", rng) if user is not None else None
        connection = await connect(
            address, Dialogue(authenticator, transcript), deadline, target.reach
        )
        try:
            agreement = await negotiate(connection)
            return NativeSource(connection, agreement, clock, rng, silence)
        except Redirected as redirect:
            connection.abandon()
            further = _address(redirect.location)[0]
            if further.host != address.host:  # a password never follows to another host
                text = f"{connection.peer} redirects to another host, {further.host}."
                raise CameraError(Cause.NOT_FOUND, text) from None
            address = further
        except BaseException:
            connection.abandon()
            raise
    raise CameraError(Cause.NOT_FOUND, f"{address.host} redirects in a circle.")


def _address(url: str) -> tuple[Address, str | None, str | None]:
    try:
        return parse_address(url)
    except BadAddress as error:
        raise CameraError(Cause.NOT_FOUND, f"The camera's source can't be used: {error}.") from None


def _demuxer(agreement: Agreement, stats: SourceStats) -> Demuxer:
    video = agreement.video
    rules = RULES[video.media.encoding]
    sets = ParameterSets(rules, video.media.clock_rate)
    sets.take(sets_from_fmtp(video.media.fmtp))
    demuxer = Demuxer(rules, _setup(video), sets, stats)
    if agreement.audio is not None and (sound := _sound(agreement.audio)) is not None:
        demuxer.add_audio(_setup(agreement.audio), *sound)
    return demuxer


def _setup(track: AgreedTrack) -> TrackSetup:
    media = track.media
    return TrackSetup(*track.channels, media.payload_type, media.clock_rate, track.ssrc)


def _sound(track: AgreedTrack) -> tuple[AudioFormat, AudioDepacketiser] | None:
    media = track.media
    if media.encoding == "PCMA":
        return AudioFormat("pcma", media.clock_rate, media.channels), G711Depacketiser()
    if media.encoding == "PCMU":
        return AudioFormat("pcmu", media.clock_rate, media.channels), G711Depacketiser()
    config = config_from_fmtp(media.fmtp, media.clock_rate, media.channels)
    if not config:
        return None
    channels = config_facts(config)[1] or media.channels
    audio = AudioFormat("aac", media.clock_rate, channels, config)
    return audio, AacDepacketiser(AacFraming.of(media.fmtp))
