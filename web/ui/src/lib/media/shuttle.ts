// Fast forward and reverse: shows keyframes at the pace the speed asks for, and skips those the
// machine or the net cannot show in time. Backwards there is no other way; forwards it spares
// decoding what nobody could see.

import { nextEvent, sleep } from './feed';
import type { Hole } from './filling';
import { footageBefore, keyAtOrBefore, type Library } from './library';
import type { Segment, StreamName } from './server';
import type { Stock } from './stock';

export interface ShuttleEvents {
  isPaused(): boolean;
  shown(at: number): void;
  hole(hole: Hole): void;
}

interface Key {
  readonly segment: Segment;
  readonly index: number;
  readonly at: number;
}

const PACE = 40;
const SHOW_DEADLINE = 2000;
const LATE_MAX = 200;

export class Shuttle {
  constructor(
    private readonly video: HTMLVideoElement,
    private readonly stock: Stock,
    private readonly library: Library,
    private readonly camera: string,
    private readonly stream: StreamName,
  ) {}

  /** Runs from `from` at `rate`; returns at the newest or the oldest footage. */
  async run(from: number, rate: number, signal: AbortSignal, events: ShuttleEvents): Promise<void> {
    let position = from;
    let clock = performance.now();
    let last: number | null = null;
    for (;;) {
      const now = performance.now();
      if (!events.isPaused()) position += rate * (now - clock);
      clock = now;
      const key = await this.#keyAt(position, rate, signal, events);
      if (key === null) return;
      if (key.at > position || position >= key.segment.end) position = key.at;
      if (key.at !== last) {
        await this.#show(key, signal);
        events.shown(key.at);
        last = key.at;
      }
      await sleep(PACE, signal);
    }
  }

  /** The keyframe at or before the moment; over a gap, the nearest in the direction. */
  async #keyAt(at: number, rate: number, signal: AbortSignal, events: ShuttleEvents): Promise<Key | null> {
    const place = await this.library.locate(at, signal);
    if (place.kind === 'footage') return keyOf(place.segment, place.index);
    if (rate > 0) {
      if (place.kind === 'end') return null;
      events.hole({ start: at, end: place.to });
      const next = await this.library.locate(place.to, signal);
      return next.kind === 'footage' ? keyOf(next.segment, 0) : null;
    }
    const before = await footageBefore(this.camera, this.stream, at, signal);
    if (before === null) return null;
    // The server merges to the pixel, so its end can lie a little off the footage's.
    for (const back of [1, 500, 2000, 10_000, 60_000]) {
      const there = await this.library.locate(before - back, signal);
      if (there.kind !== 'footage') continue;
      if (at - before > 1000) events.hole({ start: before, end: at });
      return keyOf(there.segment, there.index);
    }
    return null;
  }

  async #show(key: Key, signal: AbortSignal): Promise<void> {
    await this.stock.load(key.segment, key.index, key.index + 1, key.at, signal);
    // A first sample can be shown a little after its fragment begins (composition offsets).
    const shown = Math.min(this.stock.frames.firstFrom(key.at) ?? key.at, key.at + LATE_MAX);
    this.video.currentTime = this.stock.toMedia(shown) + 0.0005;
    await nextEvent(this.video, ['seeked'], signal, SHOW_DEADLINE);
    await this.stock.trim(key.at, key.at, signal);
  }
}

function keyOf(segment: Segment, index: number): Key {
  const key = keyAtOrBefore(segment.fragments, index);
  return { segment, index: key, at: segment.start + (segment.fragments[key]?.offset ?? 0) };
}
