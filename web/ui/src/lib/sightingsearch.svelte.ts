// A search for activity as its panel shows it: what was found so far, how far that reaches, what is
// not known of the stretch, and why it failed. One camera's; closed with its panel.

import { ApiError } from './api';
import { fetchTimeline, isAbort, Problem, type Span } from './media/server';
import { session } from './session.svelte';
import { joined, touchingAsOne, unknowns, type Sighting, type Unknown, type Wanted } from './sightings';
import { SECOND } from './time';

/** The list holds so many; the search goes on in a new one. */
const LISTED = 500;
// The server merges to the pixel: a second where the stretch is short enough.
const PIXELS_MAX = 16_384;

export type Phase = 'idle' | 'searching' | 'done' | 'denied' | 'failed';

export class SightingSearch {
  phase = $state<Phase>('idle');
  /** What is being searched for, or was. */
  wanted = $state.raw<Wanted | null>(null);
  sightings = $state.raw<readonly Sighting[]>([]);
  /** Of [wanted.start, until) all is told. */
  until = $state(NaN);
  unknown = $state.raw<readonly Unknown[]>([]);
  /** In the server's words, where it gave any. */
  detail = $state('');

  readonly #camera: string;
  readonly #now: () => number;
  #unmeasured: readonly Span[] = [];
  #asking = new AbortController();

  constructor(camera: string, now: () => number) {
    this.#camera = camera;
    this.#now = now;
  }

  get more(): boolean {
    return this.wanted !== null && this.until < this.wanted.end;
  }

  /** Whether no more fit into the list. */
  get full(): boolean {
    return this.sightings.length >= LISTED;
  }

  async begin(wanted: Wanted): Promise<void> {
    const now = Math.floor(this.#now() / SECOND) * SECOND;
    this.wanted = { ...wanted, end: Math.max(wanted.start + SECOND, Math.min(wanted.end, now)) };
    this.sightings = [];
    this.unknown = [];
    this.#unmeasured = [];
    this.until = wanted.start;
    await this.further();
  }

  /** The next ones, or the same again after a failure. */
  async further(): Promise<void> {
    const { wanted } = this;
    if (wanted === null) return;
    this.#asking.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.phase = 'searching';
    this.detail = '';
    try {
      await this.#ask(wanted, asking.signal);
      this.phase = 'done';
    } catch (reason) {
      if (asking.signal.aborted || isAbort(reason)) return;
      const refusal = reason instanceof ApiError || reason instanceof Problem ? reason : null;
      if (refusal === null && !(reason instanceof TypeError)) throw reason;
      this.phase = refusal?.status === 403 ? 'denied' : 'failed';
      this.detail = refusal?.message ?? '';
    }
  }

  close(): void {
    this.#asking.abort();
  }

  async #ask(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const found = await session.api.sightings.find(this.#camera, { ...wanted, start: this.until }, signal);
    const told = { start: wanted.start, end: found.more ? found.end : wanted.end };
    const width = Math.min(PIXELS_MAX, Math.ceil((told.end - told.start) / SECOND));
    // Asked for after: nothing that is told meanwhile is taken for unknown.
    const timeline = await fetchTimeline(this.#camera, 'main', told.start, told.end, width, signal);
    const unmeasured = touchingAsOne([...this.#unmeasured, ...found.unmeasured]);
    this.#unmeasured = unmeasured;
    this.sightings = joined(this.sightings, found.sightings);
    this.until = told.end;
    this.unknown = unknowns(told, timeline, unmeasured, (told.end - told.start) / width, this.#now());
  }
}
