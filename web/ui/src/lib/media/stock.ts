// The browser's stock of stored footage: fetches fragments by byte range, makes them playable and
// appends them at their absolute time, keeps the stock bounded around the playhead. One per
// MediaSource; what to fetch and when stands in `filling.ts`.

import { hideFragments, hideTracks, playableMime, readSamples, readTracks, unplayableTracks, type TrackInfo } from './boxes';
import { FeedError, MediaFeed } from './feed';
import { FrameTimes } from './frames';
import { fetchRange, type Segment } from './server';

interface Init {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mime: string;
  readonly video: TrackInfo | null;
  readonly hidden: ReadonlySet<number>;
}

/** Seconds of footage kept behind and ahead of the playhead. */
export const BEHIND = 60;
export const AHEAD = 30;
// Media time 0 lies a week before the first moment: seeks back within it need no new MediaSource,
// and the numbers stay small enough for every browser's clock.
const ORIGIN_BEFORE = 7 * 86_400_000;
const ORIGIN_SLACK = 60_000;
// An hour of segments; the one unused for longest goes.
const INITS_MAX = 60;

export class Stock {
  readonly frames = new FrameTimes();
  readonly #inits = new Map<string, Promise<Init>>();
  // Not a seek's own: an init fetched for a seek that was overtaken serves the next.
  readonly #closing = new AbortController();
  /** The segment whose init was appended last; its fragments may follow. */
  #appended = '';

  private constructor(
    readonly feed: MediaFeed,
    private readonly origin: number,
  ) {}

  static async attach(video: HTMLVideoElement, at: number, signal: AbortSignal): Promise<Stock> {
    return new Stock(await MediaFeed.attach(video, signal), Math.floor(at) - ORIGIN_BEFORE);
  }

  close(): void {
    this.#closing.abort();
    this.feed.close();
    this.frames.clear();
    this.#inits.clear();
  }

  /** Whether the moment can be addressed without a new MediaSource. */
  reaches(at: number): boolean {
    return at > this.origin + ORIGIN_SLACK;
  }

  /** Media time in seconds of a moment, and back. */
  toMedia(at: number): number {
    return (at - this.origin) / 1000;
  }

  toWall(media: number): number {
    return this.origin + media * 1000;
  }

  /** The end of unbroken footage from `at`, as a moment; null when `at` is not in stock. */
  endAt(at: number): number | null {
    const end = this.feed.endAt(this.toMedia(at));
    return end === null ? null : this.toWall(end);
  }

  /**
   * Brings fragments `from`–`to` (exclusive) of a segment into stock; `from` must be decodable
   * alone unless it follows the last call's `to`. `around`: the playhead, if the buffer is full.
   */
  async load(segment: Segment, from: number, to: number, around: number, signal: AbortSignal): Promise<void> {
    const first = segment.fragments[from];
    const last = segment.fragments[to - 1];
    if (first === undefined || last === undefined) return;
    const [init, bytes] = await Promise.all([
      this.#init(segment),
      fetchRange(segment.url, first.at, last.at + last.size, signal),
    ]);
    hideFragments(bytes, init.hidden);
    const offset = this.toMedia(segment.start);
    await this.feed.prepare(init.mime, signal);
    if (this.#appended !== segment.id) {
      await this.#append(init.bytes, offset, around, signal);
      this.#appended = segment.id;
    }
    await this.#append(bytes, offset, around, signal);
    if (init.video !== null) {
      const { shown } = readSamples(bytes, init.video);
      this.frames.add(shown.map((seconds) => segment.start + seconds * 1000));
    }
  }

  async #append(
    bytes: Uint8Array<ArrayBuffer>,
    offset: number,
    around: number,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.feed.append(bytes, offset, signal);
    } catch (error) {
      if (!(error instanceof FeedError) || error.code !== 'full') throw error;
      await this.#keep(around - 2000, around + 5000, signal);
      await this.feed.append(bytes, offset, signal);
    }
  }

  /** Drops what is far from the playhead; `horizon`: the furthest moment that will be played. */
  async trim(around: number, horizon: number, signal: AbortSignal): Promise<void> {
    await this.#keep(around - BEHIND * 1000, horizon + AHEAD * 1000, signal);
  }

  async #keep(from: number, to: number, signal: AbortSignal): Promise<void> {
    await this.feed.keep(Math.max(0, this.toMedia(from)), this.toMedia(to), signal);
    this.frames.keep(from, to);
  }

  #init(segment: Segment): Promise<Init> {
    const known = this.#inits.get(segment.id);
    if (known !== undefined) {
      this.#inits.delete(segment.id);
      this.#inits.set(segment.id, known);
      return known;
    }
    const asked = fetchInit(segment, this.#closing.signal);
    this.#inits.set(segment.id, asked);
    asked.catch(() => this.#inits.delete(segment.id));
    for (const oldest of this.#inits.keys()) {
      if (this.#inits.size <= INITS_MAX) break;
      this.#inits.delete(oldest);
    }
    return asked;
  }
}

async function fetchInit(segment: Segment, signal: AbortSignal): Promise<Init> {
  const bytes = await fetchRange(segment.url, 0, segment.initLength, signal);
  const tracks = readTracks(bytes);
  const hidden = unplayableTracks(tracks);
  hideTracks(bytes, hidden);
  return {
    bytes,
    mime: playableMime(segment.videoCodec, segment.audioCodec),
    video: tracks.find((track) => track.handler === 'vide') ?? null,
    hidden,
  };
}
