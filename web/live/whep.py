"""WHEP: an offer comes in, an answer goes out, a session sends until the viewer is gone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets

from aiortc import RTCCertificate
from aiortc.rtp import AnyRtcpPacket

from vms.core.clock import Clock
from vms.core.errors import BadRequest
from vms.core.log import get_logger
from vms.core.model import StreamKey
from web.live.channel import Channel, ChannelError
from web.live.refusal import LiveRefused, RefusalCode
from web.live.rtp import RtpOutlet
from web.live.sdp import (
    AudioChoice,
    Local,
    Offer,
    VideoChoice,
    answer,
    choose_audio,
    choose_video,
    read_offer,
)
from web.live.sender import AudioSender, Numbers, VideoSender
from web.live.source import Feeds, StreamFeed
from web.live.viewers import VIEWERS_MAX, Viewer, ViewerFacts, Watcher

log = get_logger(__name__)

_READY = 2.0  # seconds a stream may take to have a picture at hand
_CONNECT = 15.0  # seconds for ICE and DTLS
_SILENCE = 15  # seconds without a word from a viewer who is being sent to
_REPORT = 1.0


class WhepServer:
    """All WebRTC sessions of the process, under one DTLS certificate."""

    def __init__(self, feeds: Feeds, clock: Clock) -> None:
        self._feeds, self._clock = feeds, clock
        self._certificate: RTCCertificate = RTCCertificate.generateCertificate()
        self._sessions: dict[str, WhepSession] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def viewers(self) -> list[Viewer]:
        return list(self._sessions.values())

    async def offer(self, stream: StreamKey, sdp: str, watcher: Watcher) -> tuple[str, str]:
        """The session's id and the SDP answer; raises LiveRefused."""
        if len(self._sessions) >= VIEWERS_MAX:
            raise LiveRefused("busy", f"already {VIEWERS_MAX} viewers here; try again later")
        try:
            offer = read_offer(sdp)
        except BadRequest as error:
            raise LiveRefused("bad_offer", str(error)) from None
        feed = self._feeds.enter(stream)
        try:
            return await self._open(offer, feed, watcher)
        except BaseException:
            self._feeds.leave(feed)
            raise

    async def delete(self, session: str) -> None:
        """End a session; raises LiveRefused if there is none of this name."""
        found = self._sessions.get(session)
        if found is None:
            raise LiveRefused("not_found", "there is no such live session; it may have ended")
        found.stop()

    async def close(self) -> None:
        """End all sessions; within about 2 s."""
        for session in self._sessions.values():
            session.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open(self, offer: Offer, feed: StreamFeed, watcher: Watcher) -> tuple[str, str]:
        await _require_webrtc(feed)
        ssrc = secrets.randbits(31) & ~3 or 4
        video = choose_video(offer, ssrc, ssrc + 1)
        if video is None:
            raise LiveRefused("codec", "this browser plays no H.264 over WebRTC")
        assert feed.format is not None
        heard = feed.format.audio if watcher.hears else None
        audio = choose_audio(offer, heard, ssrc + 2)
        stop = asyncio.Event()
        channel = Channel(self._certificate, stop.set)
        name = secrets.token_urlsafe(16)
        session = WhepSession(self._feeds, feed, channel, watcher, self._clock, stop)
        try:
            local = Local(
                ice=channel.ice_parameters,
                dtls=channel.dtls_parameters,
                candidates=await channel.gather(),
                cname=name,
            )
            text = answer(offer, video, audio, local)
        except BaseException:
            await channel.close()
            raise
        self._sessions[name] = session
        task = asyncio.create_task(
            session.run(offer, video, audio, name), name=f"whep {feed.stream}"
        )
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(name, ended))
        return name, text

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._sessions.pop(name, None)
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("live session failed", session=name, exc_info=error)


class WhepSession:
    """One viewer over WebRTC: connects, sends, reports, and leaves nothing behind."""

    def __init__(
        self,
        feeds: Feeds,
        feed: StreamFeed,
        channel: Channel,
        watcher: Watcher,
        clock: Clock,
        stop: asyncio.Event,
    ) -> None:
        self._feeds, self._feed, self._channel, self._clock = feeds, feed, channel, clock
        self._watcher, self._since = watcher, clock.now()
        self._video: VideoSender | None = None
        self._audio: AudioSender | None = None
        self._outlet: RtpOutlet | None = None
        self._stop = stop  # set by the server, the viewer's goodbye, or a stream we can't send
        self._quiet = 0

    def stop(self) -> None:
        """Ask the session to end; it does within 2 s."""
        self._stop.set()

    async def run(
        self, offer: Offer, video: VideoChoice, audio: AudioChoice | None, cname: str
    ) -> None:
        """Connect and send until the viewer, the server or the stream ends it."""
        try:
            if not await self._connect(offer, video):
                return
            self._begin(video, audio)
            await self._attend(cname)
        except ChannelError as error:
            log.info("viewer not reached", stream=str(self._feed.stream), reason=str(error))
        finally:
            self._end()
            await self._channel.close()

    def advance(self, released: int, budget: int) -> bool:
        return self._video is not None and self._video.advance(released, budget)

    def sound(self, payload: bytes, timestamp: int) -> None:
        if self._audio is not None:
            self._audio.send(payload, timestamp)

    def refuse(self, code: RefusalCode) -> None:
        """WebRTC can't show what the stream has become: the player asks anew and is told."""
        log.info("stream left WebRTC", stream=str(self._feed.stream), code=code)
        self.stop()

    def rtcp(self, packet: AnyRtcpPacket) -> None:
        self._quiet = 0
        if self._video is not None:
            self._video.rtcp(packet)

    def facts(self) -> ViewerFacts:
        video = self._video
        return ViewerFacts(
            stream=self._feed.stream,
            watcher=self._watcher,
            path="whep",
            since=self._since,
            connected=video is not None,
            bytes=self._channel.sent_bytes,
            skips=video.skips if video else 0,
            resent=video.resent if video else 0,
            fraction_lost=video.fraction_lost if video else 0.0,
        )

    async def _connect(self, offer: Offer, video: VideoChoice) -> bool:
        connecting = asyncio.create_task(
            self._channel.connect(
                offer.ice, offer.dtls, offer.candidates, video.playout_delay_id, _CONNECT
            )
        )
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                return False
            await connecting
            return not self._stop.is_set()
        finally:
            for task in (connecting, stopping):
                task.cancel()
            await asyncio.gather(connecting, stopping, return_exceptions=True)

    def _begin(self, video: VideoChoice, audio: AudioChoice | None) -> None:
        outlet = self._feed.outlet(RtpOutlet, lambda: RtpOutlet(self._clock))
        numbers = Numbers(
            payload_type=video.payload_type,
            ssrc=video.ssrc,
            rtx_type=video.rtx_type,
            rtx_ssrc=video.rtx_ssrc,
            # The lower half, as a wrap among the first packets breaks decryption (RFC 3711 §3.3.1).
            first_sequence=secrets.randbits(15),
            first_timestamp=secrets.randbits(32),
        )
        self._video = VideoSender(outlet.ring, self._channel, numbers, self._clock)
        if audio is not None:
            spoken = Numbers(
                payload_type=audio.payload_type,
                ssrc=audio.ssrc,
                first_sequence=secrets.randbits(15),
                first_timestamp=secrets.randbits(32),
            )
            self._audio = AudioSender(self._channel, spoken)
        self._channel.listen(video.ssrc, self)
        self._outlet = outlet
        self._video.start()
        outlet.add(self)

    async def _attend(self, cname: str) -> None:
        """Report once a second; notice that the viewer is gone."""
        assert self._video is not None
        assert self._outlet is not None
        packets = 0
        while not self._stop.is_set():
            pair = self._outlet.now()
            if pair is not None and self._video.packets:
                await self._channel.send_rtcp(self._video.report(*pair, cname))
            self._channel.refresh()
            self._quiet += self._video.packets > packets
            packets = self._video.packets
            if self._quiet > _SILENCE:
                raise ChannelError(f"nothing heard of the viewer for {_SILENCE} s")
            await self._wait(_REPORT)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def _end(self) -> None:
        if self._outlet is not None:
            self._outlet.remove(self)
            if self._outlet.empty:
                self._feed.drop(self._outlet)
        self._feeds.leave(self._feed)


async def _require_webrtc(feed: StreamFeed) -> None:
    """Raise LiveRefused unless the feed has pictures that every WebRTC browser can show."""
    await feed.ready(_READY)
    if feed.format is None:
        detail = feed.down.detail if feed.down is not None else None
        raise LiveRefused("down", detail or "the camera does not deliver pictures now")
    video = feed.format.video
    if video.codec != "h264":
        raise LiveRefused("codec", "H.265 is not sent over WebRTC; use MSE")
    if feed.reordered:
        raise LiveRefused("b_frames", "the stream has B-frames, which WebRTC can't show; use MSE")
