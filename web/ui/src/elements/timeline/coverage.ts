// What a timeline knows of one camera: the server's merged answers in aligned tiles per zoom level,
// a bounded number of them, refreshed while they can still change. Draws nothing.

import { isAbort, Problem, type Timeline } from '../../lib/media/server';
import { spanOf, type View } from './view';

export type AskTimeline = (start: number, end: number, width: number, signal: AbortSignal) => Promise<Timeline>;

interface Tile {
  readonly timeline: Timeline;
  readonly fetched: number;
}

/** One tile of one zoom level. */
interface Place {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

export const TILE_PIXELS = 1024;
// Finer than 4 ms there is nothing to tell: a picture lasts ten times as long.
const LEVEL_MIN = 2;
// Whole screens at 4K of a dozen zoom levels; the tile unused for longest goes.
const TILES_MAX = 120;
// Two at once: a timeline must not crowd out the player's own requests.
const ASKING_MAX = 2;
const SETTLED_LIFE = 300_000;
const RETRY_AFTER = 3000;
const SETTLING = 90_000;

/** The finest level whose tiles of TILE_PIXELS cover a screen pixel with one of theirs. */
export function levelFor(msPerPixel: number): number {
  return Math.max(LEVEL_MIN, Math.floor(Math.log2(Math.max(0.5, msPerPixel))));
}

function tileSpan(level: number): number {
  return TILE_PIXELS * 2 ** level;
}

export function tilesOf(view: View, level: number): Place[] {
  const span = tileSpan(level);
  const places: Place[] = [];
  for (let i = Math.floor(view.start / span); i * span < view.end; i += 1) {
    places.push({ key: `${level}:${i}`, start: i * span, end: (i + 1) * span });
  }
  return places;
}

/** How soon a tile that reaches the present is asked for again. */
export function refreshEvery(msPerPixel: number): number {
  return Math.min(30_000, Math.max(1000, msPerPixel * 2));
}

export class Coverage {
  // Insertion order is order of use.
  readonly #tiles = new Map<string, Tile>();
  // At most ASKING_MAX.
  readonly #asking = new Map<string, AbortController>();
  #failedAt = -Infinity;
  #failure = '';
  #oldest: number | null = null;

  constructor(
    private readonly ask: AskTimeline,
    private readonly changed: () => void,
    private readonly now: () => number = Date.now,
  ) {}

  close(): void {
    for (const asking of this.#asking.values()) asking.abort();
    this.#asking.clear();
    this.#tiles.clear();
  }

  /** What is known stays to be drawn, but is asked for again. */
  expire(): void {
    for (const [key, tile] of this.#tiles) this.#tiles.set(key, { ...tile, fetched: -Infinity });
    this.#failedAt = -Infinity;
  }

  /** The start of the oldest footage, as far as anybody said. */
  get oldest(): number | null {
    return this.#oldest;
  }

  /** Why the last answer did not come, as a code; empty when all is well. */
  get failure(): string {
    return this.#failure;
  }

  /**
   * The answers to draw the view from, coarse before fine, so that the later cover the earlier;
   * asks for what is missing or may have changed.
   */
  show(view: View, width: number): Timeline[] {
    const msPerPixel = spanOf(view) / Math.max(1, width);
    const level = levelFor(msPerPixel);
    const places = tilesOf(view, level);
    this.#forgetOthers(new Set(places.map((place) => place.key)));
    const shown: Timeline[] = [];
    for (const place of places) {
      const tile = this.#use(place.key);
      if (tile === undefined) shown.push(...this.#standIns(place, level));
      else shown.push(tile.timeline);
      if (tile === undefined || this.#isStale(tile, place, msPerPixel)) this.#fetch(place);
    }
    return shown;
  }

  /** When to look again although nobody moved: in ms, or null when everything shown is settled. */
  nextLook(view: View, width: number): number | null {
    if (this.#failure !== '') return RETRY_AFTER;
    const msPerPixel = spanOf(view) / Math.max(1, width);
    return view.end > this.now() - SETTLING ? refreshEvery(msPerPixel) : null;
  }

  #use(key: string): Tile | undefined {
    const tile = this.#tiles.get(key);
    if (tile !== undefined) {
      this.#tiles.delete(key);
      this.#tiles.set(key, tile);
    }
    return tile;
  }

  #isStale(tile: Tile, place: Place, msPerPixel: number): boolean {
    const age = this.now() - tile.fetched;
    // Until well after its end was past, what a tile holds could still grow.
    const isGrowing = tile.fetched < place.end + SETTLING && place.start < this.now();
    return age > (isGrowing ? refreshEvery(msPerPixel) : SETTLED_LIFE);
  }

  /** Other levels' tiles over a missing one: something true to look at until it comes. */
  #standIns(place: Place, level: number): Timeline[] {
    const found: { level: number; timeline: Timeline }[] = [];
    for (const [key, { timeline }] of this.#tiles) {
      const other = Number(key.slice(0, key.indexOf(':')));
      const isNear = Math.abs(other - level) <= 6;
      if (isNear && timeline.start < place.end && timeline.end > place.start) {
        found.push({ level: other, timeline });
      }
    }
    return found.sort((a, b) => b.level - a.level).map(({ timeline }) => timeline);
  }

  #forgetOthers(wanted: ReadonlySet<string>): void {
    for (const [key, asking] of this.#asking) {
      if (wanted.has(key)) continue;
      asking.abort();
      this.#asking.delete(key);
    }
  }

  #fetch(place: Place): void {
    if (this.#asking.has(place.key) || this.#asking.size >= ASKING_MAX) return;
    if (this.now() - this.#failedAt < RETRY_AFTER || place.start > this.now()) return;
    const asking = new AbortController();
    this.#asking.set(place.key, asking);
    void this.#receive(place, asking);
  }

  async #receive(place: Place, asking: AbortController): Promise<void> {
    try {
      const timeline = await this.ask(place.start, place.end, TILE_PIXELS, asking.signal);
      this.#keep(place.key, timeline);
      this.#failure = '';
    } catch (error) {
      if (asking.signal.aborted || isAbort(error)) return;
      this.#failedAt = this.now();
      this.#failure = error instanceof Problem ? error.code : 'network';
    } finally {
      if (this.#asking.get(place.key) === asking) this.#asking.delete(place.key);
    }
    this.changed();
  }

  #keep(key: string, timeline: Timeline): void {
    if (timeline.first !== null) this.#oldest = timeline.first;
    this.#tiles.delete(key);
    this.#tiles.set(key, { timeline, fetched: this.now() });
    for (const oldest of this.#tiles.keys()) {
      if (this.#tiles.size <= TILES_MAX) break;
      this.#tiles.delete(oldest);
    }
  }
}
