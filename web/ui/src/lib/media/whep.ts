// Live over WebRTC (WHEP, RFC 9725): one offer, one answer, pictures until something ends it.
// Runs once and says why it ended; whether and how to try again is decided in `live.ts`.

import { nextEvent } from './feed';
import type { LiveEvents } from './live';
import { csrf, Problem, request, whepUrl, type StreamName } from './server';

/** WebRTC itself does not work here: another path must be taken. */
export class NoWebRtc extends Error {
  constructor(readonly code: 'ice' | 'no_picture') {
    super(code);
    this.name = 'NoWebRtc';
  }
}

const CONNECT_DEADLINE = 5000;
const PICTURE_DEADLINE = 6000;
// A lost route that returns within this time needs no new connection.
const DISCONNECTED_GRACE = 4000;
const LOOK_EVERY = 1000;
const RELEASE_DEADLINE = 2000;
// Cameras at one picture a second exist.
const STILL_AFTER = 3500;
const RENEW_AFTER = 30_000;
// The server reports every second, whatever the camera does: so long without a byte, it is gone,
// and the browser would need twice the time to say so.
const SILENT_AFTER = 2500;

function h264Codecs(): RTCRtpCodec[] {
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  return codecs.filter(
    (codec) =>
      codec.mimeType.toLowerCase() === 'video/rtx' ||
      (codec.mimeType.toLowerCase() === 'video/h264' &&
        codec.sdpFmtpLine?.includes('packetization-mode=1') === true),
  );
}

/** Whether this browser says that it plays H.264 over WebRTC. */
export function canWebRtc(): boolean {
  if (typeof RTCPeerConnection === 'undefined' || typeof RTCRtpReceiver === 'undefined') return false;
  return h264Codecs().some((codec) => codec.mimeType.toLowerCase() === 'video/h264');
}

interface Resource {
  readonly answer: string;
  readonly location: string | null;
}

async function offer(url: string, sdp: string, signal: AbortSignal): Promise<Resource> {
  const post = async (token: string): Promise<Response> =>
    request(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', 'X-CSRF-Token': token },
      body: sdp,
      signal,
    });
  const response = await post(await csrf()).catch(async (error: unknown) => {
    // Signed in anew in another tab: the token changed.
    if (!(error instanceof Problem) || error.code !== 'csrf') throw error;
    return post(await csrf(true));
  });
  return { answer: await response.text(), location: response.headers.get('Location') };
}

/** Tells the server that nobody watches; also while the page goes away. */
async function release(location: string): Promise<void> {
  const headers = { 'X-CSRF-Token': await csrf() };
  const signal = AbortSignal.timeout(RELEASE_DEADLINE);
  await fetch(location, { method: 'DELETE', headers, credentials: 'same-origin', keepalive: true, signal });
}

export class WhepSession {
  readonly #pc = new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-bundle' });
  #location: string | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly camera: string,
    private readonly stream: StreamName,
    private readonly sound: boolean,
  ) {}

  /** Plays until the connection ends (returns its reason) or fails (throws). */
  async run(events: LiveEvents, signal: AbortSignal): Promise<string> {
    // A page that is closed or frozen runs no other code of ours.
    const away = new AbortController();
    addEventListener('pagehide', () => void this.#release(), { signal: away.signal });
    try {
      await this.#connect(events, signal);
      return await this.#untilEnd(events, signal);
    } finally {
      away.abort();
      events.leaving();
      // The server's resource first: ended from below it would be unknown when we name it.
      void this.#release().then(() => this.#pc.close());
    }
  }

  async #release(): Promise<void> {
    const location = this.#location;
    this.#location = null;
    if (location !== null) await release(location).catch(() => undefined);
  }

  async #connect(events: LiveEvents, signal: AbortSignal): Promise<void> {
    const media = new MediaStream();
    this.#pc.addEventListener('track', ({ track, receiver }) => {
      preferLowDelay(receiver);
      media.addTrack(track);
    });
    const video = this.#pc.addTransceiver('video', { direction: 'recvonly' });
    video.setCodecPreferences(h264Codecs());
    if (this.sound) this.#pc.addTransceiver('audio', { direction: 'recvonly' });
    const description = await this.#pc.createOffer();
    await this.#pc.setLocalDescription(description);
    // Without waiting for candidates: the server learns our address from our first packet.
    const resource = await offer(whepUrl(this.camera, this.stream), description.sdp ?? '', signal);
    this.#location = resource.location;
    signal.throwIfAborted();
    await this.#pc.setRemoteDescription({ type: 'answer', sdp: resource.answer });
    events.takeOver(() => {
      this.video.removeAttribute('src');
      this.video.srcObject = media;
      // Refused only with sound nobody clicked for, or when the element went away meanwhile.
      this.video.play().catch(() => undefined);
    });
    await this.#untilConnected(signal);
    if (await this.#hasPicture(signal)) events.up();
    else events.down('no_pictures', '');
  }

  async #untilConnected(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + CONNECT_DEADLINE;
    while (this.#pc.connectionState !== 'connected') {
      const left = deadline - performance.now();
      if (left <= 0 || this.#pc.connectionState === 'failed') throw new NoWebRtc('ice');
      await nextEvent(this.#pc, ['connectionstatechange'], signal, left);
    }
  }

  /** Bytes that come and pictures that don't mean a decoder that promised too much. */
  async #hasPicture(signal: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + PICTURE_DEADLINE;
    while (this.video.readyState < 2) {
      if (performance.now() > deadline) {
        if (((await this.inbound())?.bytesReceived ?? 0) > 0) throw new NoWebRtc('no_picture');
        return false;
      }
      await nextEvent(this.video, ['loadeddata'], signal, 500);
    }
    return true;
  }

  async #untilEnd(events: LiveEvents, signal: AbortSignal): Promise<string> {
    let disconnected: number | null = null;
    let pictures = this.#pictures;
    let moved = performance.now();
    let received = 0;
    let heard = moved;
    for (;;) {
      await nextEvent(this.#pc, ['connectionstatechange'], signal, LOOK_EVERY);
      const state = this.#pc.connectionState;
      if (state === 'failed' || state === 'closed') return 'network';
      const bytes = await this.#received();
      const now = performance.now();
      if (bytes !== received || bytes === 0) [received, heard] = [bytes, now];
      else if (now - heard > SILENT_AFTER) return 'network';
      disconnected = state === 'disconnected' ? (disconnected ?? now) : null;
      if (disconnected !== null && now - disconnected > DISCONNECTED_GRACE) return 'network';
      if (this.#pictures !== pictures || document.hidden) {
        pictures = this.#pictures;
        moved = now;
        if (this.video.readyState >= 2) events.up();
      } else if (now - moved > STILL_AFTER) {
        events.down('no_pictures', '');
        // The stream may come back as one that needs another path.
        if (now - moved > RENEW_AFTER) return 'no_pictures';
      }
    }
  }

  get #pictures(): number {
    return this.video.getVideoPlaybackQuality().totalVideoFrames;
  }

  /** Bytes that came over the wire, reports included; 0 where the browser does not count them. */
  async #received(): Promise<number> {
    let bytes = 0;
    const reports = await this.#pc.getStats();
    for (const report of reports.values() as IterableIterator<Partial<InboundVideo>>) {
      if (report.type === 'candidate-pair') bytes += report.bytesReceived ?? 0;
    }
    return bytes;
  }

  /** What the browser counts of the pictures received; null before the first. */
  async inbound(): Promise<InboundVideo | null> {
    if (this.#pc.connectionState === 'closed') return null;
    const reports = await this.#pc.getStats();
    for (const report of reports.values() as IterableIterator<Partial<InboundVideo>>) {
      if (report.type === 'inbound-rtp' && report.kind === 'video') return report as InboundVideo;
    }
    return null;
  }
}

/** The part of RTCInboundRtpStreamStats we read. */
export interface InboundVideo {
  readonly type: string;
  readonly kind: string;
  readonly bytesReceived: number;
  readonly framesDecoded: number;
  readonly framesDropped: number;
  readonly jitterBufferDelay?: number;
  readonly jitterBufferEmittedCount?: number;
  readonly totalProcessingDelay?: number;
}

function preferLowDelay(receiver: RTCRtpReceiver): void {
  // Newer than some browsers we meet; an unknown property does no harm.
  (receiver as { jitterBufferTarget?: number | null }).jitterBufferTarget = 0;
}
