// Keeps the stock filled ahead of the playhead, from one moment on, over segment borders and gaps,
// up to the newest fragment and on as the file grows. Runs until it is aborted or something fails;
// who calls it decides about trying again.

import { sleep } from './feed';
import { chunkEnd, keyAtOrBefore, type Library, type Place } from './library';
import type { Segment } from './server';
import { AHEAD, type Stock } from './stock';

/** A hole in the footage, as playback meets it. */
export interface Hole {
  readonly start: number;
  readonly end: number;
}

export interface FillingEvents {
  /** The moment to play from: the asked one, or where footage begins after it. */
  located(at: number): void;
  /** The first fragments are in: the picture at the moment can be shown. */
  ready(): void;
  /** Footage breaks here and goes on there. */
  hole(hole: Hole): void;
  /** Everything recorded so far is in stock; waiting for more. */
  newest(at: number): void;
}

/** The moment up to which there is `span` ms of footage to play from `at`, holes not counted; pure. */
export function horizonOf(at: number, span: number, holes: readonly Hole[]): number {
  let horizon = at + span;
  for (const hole of holes) {
    if (hole.end > at && hole.start < horizon) horizon += hole.end - Math.max(hole.start, at);
  }
  return horizon;
}

interface Cursor {
  readonly segment: Segment;
  readonly index: number;
}

const MAX_CHUNK_BYTES = 4_000_000;
const POLL = 1000;
const ROOM_CHECK = 250;
// Recorders' files abut exactly; what browsers and doubles leave between them is less.
const HOLE_MIN = 20;
// More than fit before a horizon of half a minute, unless a camera fails every second.
const HOLES_MAX = 32;

export class Filling {
  // In order; the oldest goes when full.
  #holes: Hole[] = [];

  constructor(
    private readonly library: Library,
    private readonly stock: Stock,
    private readonly playhead: () => number,
    private readonly events: FillingEvents,
  ) {}

  /** Fills from `at` on; returns never, throws when it can't go on. */
  async run(at: number, signal: AbortSignal): Promise<never> {
    const [cursor, from] = await this.#begin(at, signal);
    let next = await this.#first(cursor, from, signal);
    let span = 2000;
    for (;;) {
      if (next.index >= next.segment.fragments.length) {
        next = await this.#advance(next, signal);
        continue;
      }
      await this.#room(next, signal);
      const to = chunkEnd(next.segment, next.index, span, MAX_CHUNK_BYTES);
      await this.stock.load(next.segment, next.index, to, this.playhead(), signal);
      next = { segment: next.segment, index: to };
      span = Math.min(8000, span * 2);
      await this.stock.trim(this.playhead(), this.#horizon, signal);
    }
  }

  async #begin(at: number, signal: AbortSignal): Promise<[Cursor, number]> {
    for (let fresh = false; ; fresh = true) {
      const place = await this.library.locate(at, signal, fresh);
      if (place.kind === 'footage') {
        const index = keyAtOrBefore(place.segment.fragments, place.index);
        return [{ segment: place.segment, index }, at];
      }
      if (place.kind === 'gap') {
        this.#noteHole({ start: at, end: place.to });
        const next = await this.library.locate(place.to, signal);
        if (next.kind === 'footage') return [{ segment: next.segment, index: 0 }, place.to];
      }
      this.events.newest(at);
      await sleep(POLL, signal);
    }
  }

  /** Loads from the keyframe through the fragment that shows `at`, and no more: it is waited for. */
  async #first(cursor: Cursor, at: number, signal: AbortSignal): Promise<Cursor> {
    this.events.located(at);
    const { segment, index } = cursor;
    const offset = at - segment.start;
    let to = index + 1;
    while ((segment.fragments[to]?.offset ?? Infinity) <= offset) to += 1;
    await this.stock.load(segment, index, to, at, signal);
    this.events.ready();
    return { segment, index: to };
  }

  async #room(next: Cursor, signal: AbortSignal): Promise<void> {
    const offset = next.segment.fragments[next.index]?.offset ?? 0;
    const at = next.segment.start + offset;
    while (at > this.#horizon) await sleep(ROOM_CHECK, signal);
  }

  get #horizon(): number {
    return horizonOf(this.playhead(), AHEAD * 1000, this.#holes);
  }

  #noteHole(hole: Hole): void {
    this.#holes = [...this.#holes, hole].slice(-HOLES_MAX);
    this.events.hole(hole);
  }

  /** The next fragment to load after a segment's last: here if it grew, in the next, after a gap. */
  async #advance(done: Cursor, signal: AbortSignal): Promise<Cursor> {
    const end = done.segment.end;
    for (let fresh = done.segment.open; ; fresh = true) {
      const place = await this.library.locate(end + HOLE_MIN / 4, signal, fresh);
      const next = await this.#following(done, place, end, signal);
      if (next !== null) return next;
      if (fresh) {
        this.events.newest(end);
        await sleep(POLL, signal);
      }
    }
  }

  async #following(done: Cursor, place: Place, end: number, signal: AbortSignal): Promise<Cursor | null> {
    if (place.kind === 'end') return null;
    if (place.kind === 'footage' && place.segment.id === done.segment.id) {
      const grown = place.segment.fragments.length > done.index;
      return grown ? { segment: place.segment, index: done.index } : null;
    }
    if (place.kind === 'footage') {
      const index = keyAtOrBefore(place.segment.fragments, place.index);
      return { segment: place.segment, index };
    }
    const beyond = await this.library.locate(place.to, signal);
    if (beyond.kind !== 'footage') return null;
    if (place.to - end > HOLE_MIN) this.#noteHole({ start: end, end: place.to });
    return { segment: beyond.segment, index: 0 };
  }
}
