// What is stored of one stream, as far as a player has asked: where a moment stands in the files,
// and where footage continues after a gap. Asks the server in aligned windows and keeps a bounded
// number of them; bytes do not belong here.

import { fetchMedia, fetchTimeline, type Fragment, type Media, type Segment, type StreamName } from './server';

export type Place =
  /** `index`: the fragment that holds the moment. */
  | { readonly kind: 'footage'; readonly segment: Segment; readonly index: number }
  /** No footage at the moment; it continues at `to`. */
  | { readonly kind: 'gap'; readonly to: number }
  /** No footage at the moment nor, yet, after it. */
  | { readonly kind: 'end' };

interface Window {
  readonly media: Media;
  readonly fetched: number;
}

export type AskMedia = (start: number, end: number, signal: AbortSignal) => Promise<Media>;

export const WINDOW = 120_000;
// The least recently used window goes when there are more: 48 min of fragment lists.
const WINDOWS_MAX = 24;
// Footage may have been deleted meanwhile; what is near now grows.
const SETTLED_LIFE = 300_000;
const GROWING_LIFE = 800;
// Rows and files become visible within this time of being recorded.
const SETTLING = 90_000;
// Clocks of server and browser differ, files abut to the nanosecond, doubles do not.
const ABUT = 2;

/** The index of the fragment that holds `offset` ms, or −1 when the segment begins later. */
export function fragmentAt(fragments: readonly Fragment[], offset: number): number {
  let low = 0;
  let high = fragments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((fragments[middle]?.offset ?? Infinity) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The nearest fragment at or before `index` that can be decoded alone. */
export function keyAtOrBefore(fragments: readonly Fragment[], index: number): number {
  for (let i = Math.min(index, fragments.length - 1); i > 0; i -= 1) {
    if (fragments[i]?.key === true) return i;
  }
  return 0;
}

/** The next fragment at or after `index` that can be decoded alone, or −1. */
export function keyAtOrAfter(fragments: readonly Fragment[], index: number): number {
  return fragments.findIndex((fragment, i) => i >= index && fragment.key);
}

/** How many fragments from `from` to take in one request: neighbours in the file, within bounds. */
export function chunkEnd(segment: Segment, from: number, maxSpan: number, maxBytes: number): number {
  const { fragments } = segment;
  const first = fragments[from];
  if (first === undefined) return from;
  let to = from + 1;
  let bytes = first.size;
  for (; to < fragments.length; to += 1) {
    const fragment = fragments[to];
    const before = fragments[to - 1];
    if (fragment === undefined || before === undefined) break;
    bytes += fragment.size;
    if (fragment.at !== before.at + before.size) break;
    if (fragment.offset - first.offset >= maxSpan || bytes > maxBytes) break;
  }
  return to;
}

/** Where `at` stands in what the server said; pure. */
export function placeIn(media: Media, at: number): Place {
  let next: number | null = null;
  for (const segment of media.segments) {
    if (segment.fragments.length === 0) continue;
    if (segment.start <= at + ABUT && at < segment.end) {
      const index = Math.max(0, fragmentAt(segment.fragments, at - segment.start));
      return { kind: 'footage', segment, index };
    }
    if (segment.start > at && (next === null || segment.start < next)) next = segment.start;
  }
  const to = next ?? media.next;
  return to === null ? { kind: 'end' } : { kind: 'gap', to };
}

export class Library {
  // Insertion order is order of use: the first key is the one to drop.
  readonly #windows = new Map<number, Window>();

  constructor(
    private readonly ask: AskMedia,
    private readonly now: () => number = Date.now,
  ) {}

  /** Where the moment `at` stands. `fresh`: do not trust a cached answer that may have grown. */
  async locate(at: number, signal: AbortSignal, fresh = false): Promise<Place> {
    const media = await this.#window(Math.floor(at / WINDOW), at, signal, fresh);
    return placeIn(media, at);
  }

  async #window(key: number, at: number, signal: AbortSignal, fresh: boolean): Promise<Media> {
    const known = this.#windows.get(key);
    if (known !== undefined) {
      this.#windows.delete(key);
      if (this.#holds(known, key, at, fresh)) {
        this.#windows.set(key, known);
        return known.media;
      }
    }
    const media = await this.ask(key * WINDOW, (key + 1) * WINDOW, signal);
    this.#windows.set(key, { media, fetched: this.now() });
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size <= WINDOWS_MAX) break;
      this.#windows.delete(oldest);
    }
    return media;
  }

  #holds(window: Window, key: number, at: number, fresh: boolean): boolean {
    const age = this.now() - window.fetched;
    const growing =
      window.fetched < (key + 1) * WINDOW + SETTLING ||
      window.media.segments.some((segment) => segment.open) ||
      window.media.next === null;
    if (!growing) return age < SETTLED_LIFE;
    // Footage once reported stays where it is, unless its file was closed under a new name.
    const place = placeIn(window.media, at);
    if (place.kind === 'footage' && !place.segment.open && !fresh) return age < SETTLED_LIFE;
    if (place.kind === 'footage' && !fresh) return age < 30_000;
    return age < GROWING_LIFE;
  }

  /** Forgets everything: after an answer that contradicted it, as a file that is gone. */
  clear(): void {
    this.#windows.clear();
  }

  get size(): number {
    return this.#windows.size;
  }
}

/** A library of one stream that asks the server. */
export function libraryOf(camera: string, stream: StreamName): Library {
  return new Library((start, end, signal) => fetchMedia(camera, stream, start, end, signal));
}

const LOOK_BACK = [3_600_000, 86_400_000, 31 * 86_400_000] as const;

/** The end of the last footage before `at`, to the server's pixel; null if there is none. */
export async function footageBefore(
  camera: string,
  stream: StreamName,
  at: number,
  signal: AbortSignal,
): Promise<number | null> {
  for (const reach of LOOK_BACK) {
    const timeline = await fetchTimeline(camera, stream, at - reach, at, 3600, signal);
    const ends = timeline.spans.map((span) => Math.min(span.end, at));
    if (ends.length > 0) return Math.max(...ends);
  }
  return null;
}
