// Live over a WebSocket into MSE: first a text message with the MIME type, then an init segment,
// then a fragment per picture; a new text and a new init when the format changes. Keeps near the
// live edge, whatever the server's own media times are. Runs once and says why it ended.

import {
  hideFragments,
  hideTracks,
  readSamples,
  readTracks,
  stretchLast,
  unplayableTracks,
  type TrackInfo,
} from './boxes';
import { FeedError, MediaFeed, nextEvent } from './feed';
import { EdgeKeeper } from './edge';
import type { LiveEvents } from './live';
import { liveSocketUrl, Problem, type StreamName } from './server';

type Bytes = Uint8Array<ArrayBuffer>;

/** Seconds kept behind the picture shown. */
const BEHIND = 20;
// Media time of the first picture: sound that began a little earlier must not be below zero.
const BASE = 10;
// More waiting than this means the browser can't keep up: everything up to the next keyframe goes.
const QUEUE_MAX_BYTES = 16_000_000;
const TRIM_EVERY = 5000;
const FIRST_DEADLINE = 15_000;
// After this long without a word a new connection costs less than wondering about the old one.
const SILENCE = 30_000;

// A picture is announced to last this many times the usual, and at least so many seconds.
const STRETCH = 4;
const STRETCH_MIN = 0.5;
const FIRST_STRETCH = 1;
const INTERVAL_SHARE = 0.1;

interface Clock {
  readonly wall: number;
  readonly media: number;
}

export class SocketSession {
  #feed: MediaFeed | null = null;
  #mime = '';
  #video: TrackInfo | null = null;
  #hidden: ReadonlySet<number> = new Set();
  #offset: number | null = null;
  #clock: Clock | null = null;
  /** Seconds between pictures, smoothed; 0 before the second. */
  #interval = 0;
  #lastStart = NaN;
  /** Media time at which the newest picture is shown. */
  #newest = 0;
  // Messages not yet appended; bounded by QUEUE_MAX_BYTES, then skipped to the next keyframe.
  #queue: (Bytes | string)[] = [];
  #queued = 0;
  #skipping = false;
  #skipped = 0;
  #trimmed = 0;
  readonly #edge: EdgeKeeper;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly camera: string,
    private readonly stream: StreamName,
  ) {
    this.#edge = new EdgeKeeper(video);
  }

  /** Plays until the connection ends (returns its reason) or fails (throws). */
  async run(events: LiveEvents, signal: AbortSignal): Promise<string> {
    const ending = new AbortController();
    const ended = AbortSignal.any([signal, ending.signal]);
    const socket = new WebSocket(liveSocketUrl(this.camera, this.stream));
    socket.binaryType = 'arraybuffer';
    const wake = new EventTarget();
    socket.addEventListener(
      'message',
      ({ data }: MessageEvent<string | ArrayBuffer>) => {
        this.#take(data);
        wake.dispatchEvent(new Event('message'));
      },
      { signal: ended },
    );
    const closed = nextEvent(socket, ['close', 'error'], signal);
    try {
      return await Promise.race([this.#play(wake, events, ended), this.#endOf(socket, closed)]);
    } finally {
      ending.abort();
      socket.close();
      this.#edge.close();
      this.#queue = [];
      events.leaving();
      this.#feed?.close();
    }
  }

  async #endOf(socket: WebSocket, closed: Promise<string>): Promise<string> {
    const opened = performance.now();
    await closed;
    // A refused handshake tells a page nothing; the reason is asked for in `live.ts`.
    if (this.#feed === null && performance.now() - opened < FIRST_DEADLINE) {
      throw new Problem(0, 'network', `no live connection to ${socket.url}`);
    }
    return 'network';
  }

  #take(data: string | ArrayBuffer): void {
    const message = typeof data === 'string' ? data : new Uint8Array(data);
    if (typeof message !== 'string') {
      if (this.#skipping && !this.#isKey(message)) {
        this.#skipped += 1;
        return;
      }
      this.#skipping = false;
      this.#queued += message.byteLength;
    }
    this.#queue.push(message);
    if (this.#queued <= QUEUE_MAX_BYTES) return;
    this.#skipped += this.#queue.length;
    this.#queue = this.#queue.filter((waiting) => typeof waiting === 'string' || isInit(waiting));
    this.#queued = this.#queue.reduce((sum, waiting) => sum + waiting.length, 0);
    this.#skipping = true;
  }

  #isKey(media: Bytes): boolean {
    return isInit(media) || (this.#video !== null && readSamples(media, this.#video).key);
  }

  async #play(wake: EventTarget, events: LiveEvents, signal: AbortSignal): Promise<string> {
    for (;;) {
      const message = this.#queue.shift();
      if (message === undefined) {
        const event = await nextEvent(wake, ['message'], signal, SILENCE);
        if (event === 'timeout') return 'no_pictures';
      } else if (typeof message === 'string') {
        this.#read(message, events);
      } else {
        this.#queued -= message.byteLength;
        const isLast = this.#queue.length === 0;
        await this.#append(message, isLast, events, signal);
      }
    }
  }

  #read(message: string, events: LiveEvents): void {
    if (!message.startsWith('{')) {
      this.#mime = message;
      return;
    }
    const info = JSON.parse(message) as SocketInfo;
    if (info.down !== undefined) events.down(info.down.cause ?? 'silent', info.down.detail ?? '');
    if (info.clock !== undefined) this.#clock = { wall: info.clock.wall_ms, media: info.clock.media };
  }

  async #append(message: Bytes, isLast: boolean, events: LiveEvents, signal: AbortSignal): Promise<void> {
    if (isInit(message)) {
      await this.#begin(message, events, signal);
      return;
    }
    const feed = this.#feed;
    if (feed === null || this.#video === null) return;
    hideFragments(message, this.#hidden);
    const { start, shown } = readSamples(message, this.#video);
    if (this.#offset === null) {
      if (Number.isNaN(start)) return; // sound alone cannot say where the pictures begin
      this.#offset = (feed.end === null ? BASE : this.#newest + this.#interval) - start;
    }
    if (shown.length > 0) this.#measure(message, this.#video, start, shown);
    await this.#appendOrDrop(feed, message, signal);
    if (isLast) {
      this.#edge.reached(feed, this.#newest + this.#interval, this.#interval);
      events.up();
    }
    await this.#trim(feed, signal);
  }

  /** Learns the pace of pictures and where the newest lies; makes it last until the next. */
  #measure(message: Bytes, track: TrackInfo, start: number, shown: readonly number[]): void {
    const since = start - this.#lastStart;
    this.#lastStart = start;
    if (since > 0 && since < STRETCH) {
      const share = this.#interval === 0 ? 1 : INTERVAL_SHARE;
      this.#interval += (since - this.#interval) * share;
    }
    this.#newest = Math.max(...shown) + (this.#offset ?? 0);
    const usual = this.#interval === 0 ? FIRST_STRETCH : this.#interval * STRETCH;
    stretchLast(message, track, Math.max(STRETCH_MIN, usual));
  }

  async #begin(init: Bytes, events: LiveEvents, signal: AbortSignal): Promise<void> {
    if (this.#feed === null) {
      const attached = await events.takeOver(() => MediaFeed.attach(this.video, signal));
      this.#feed = attached;
    }
    const tracks = readTracks(init);
    this.#video = tracks.find((track) => track.handler === 'vide') ?? null;
    this.#hidden = unplayableTracks(tracks);
    hideTracks(init, this.#hidden);
    // A new format may begin its times anew: they continue where the buffer ends.
    this.#offset = null;
    this.#lastStart = NaN;
    await this.#feed.prepare(this.#mime, signal);
    await this.#feed.append(init, 0, signal);
  }

  async #appendOrDrop(feed: MediaFeed, message: Bytes, signal: AbortSignal): Promise<void> {
    try {
      await feed.append(message, this.#offset ?? 0, signal);
    } catch (error) {
      if (!(error instanceof FeedError) || error.code !== 'full') throw error;
      await feed.keep(this.#newest - 2, Infinity, signal);
      this.#edge.jump(feed, this.#newest);
      this.#skipping = true;
    }
  }

  async #trim(feed: MediaFeed, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    if (now - this.#trimmed < TRIM_EVERY) return;
    this.#trimmed = now;
    await feed.keep(Math.max(0, this.video.currentTime - BEHIND), Infinity, signal);
  }

  /** Fragments thrown away because the browser could not keep up. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Capture to screen in ms, if the server told its clock; the browser's clock is taken as true. */
  get latencyMs(): number | null {
    if (this.#clock === null || this.#offset === null) return null;
    const media = this.video.currentTime - this.#offset;
    return Date.now() - (this.#clock.wall + (media - this.#clock.media) * 1000);
  }
}

interface SocketInfo {
  readonly down?: { readonly cause?: string | null; readonly detail?: string | null };
  /** Media time `media` (seconds, as in the fragments) was captured at `wall_ms` (UTC). */
  readonly clock?: { readonly wall_ms: number; readonly media: number };
}

/** Init segments begin with `ftyp` (or, from a terse muxer, `moov`). */
function isInit(bytes: Bytes): boolean {
  const type = String.fromCharCode(...bytes.subarray(4, 8));
  return type === 'ftyp' || type === 'moov';
}
