// A log that the server gives page by page, the newest first: a new search begins it anew and drops
// the question before it, older pages go behind what is there, a failure stands beside it.

import { untrack } from 'svelte';
import { ApiError } from './api';

/** `next`: what the page behind this one is asked with; null: there is none. */
export interface PageOf<Entry> {
  readonly entries: readonly Entry[];
  readonly next: number | null;
}

export class Pages<Entry, Page extends PageOf<Entry>> {
  entries = $state.raw<readonly Entry[]>([]);
  /** What the older page is asked with; null: there is none. */
  next = $state<number | null>(null);
  /** The page that came last; null until the first answer. */
  latest = $state.raw<Page | null>(null);
  busy = $state(false);
  /** Why the last question failed; null when it was answered. */
  problem = $state.raw<ApiError | null>(null);

  readonly #ask: (before: number | null, signal: AbortSignal) => Promise<Page>;
  readonly #joined: (known: readonly Entry[], older: readonly Entry[]) => readonly Entry[];
  #asking: AbortController | null = null;

  /** `joined`: the entries so far with those of the page behind them. */
  constructor(
    ask: (before: number | null, signal: AbortSignal) => Promise<Page>,
    joined = (known: readonly Entry[], older: readonly Entry[]): readonly Entry[] => [...known, ...older],
  ) {
    this.#ask = ask;
    this.#joined = joined;
  }

  /** Begin; what comes after the returned function was called is dropped. For an effect: it does
   * not run again because the search changed, which is asked for by `load`. */
  run(): () => void {
    untrack(() => void this.load());
    return () => this.#asking?.abort();
  }

  /** The newest page of the search as it is now, in place of what is there. */
  async load(): Promise<void> {
    await this.#turn(null);
  }

  /** The page behind what is there. */
  async more(): Promise<void> {
    if (this.next !== null) await this.#turn(this.next);
  }

  async #turn(before: number | null): Promise<void> {
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    this.busy = true;
    try {
      const page = await this.#ask(before, asking.signal);
      if (asking.signal.aborted) return;
      this.entries = before === null ? page.entries : this.#joined(this.entries, page.entries);
      this.next = page.next;
      this.latest = page;
      this.problem = null;
    } catch (reason) {
      if (asking.signal.aborted) return;
      if (!(reason instanceof ApiError)) throw reason;
      this.problem = reason;
      // What is there may be of another search: nothing of this one goes behind it.
      if (before === null) this.next = null;
    }
    this.busy = false;
  }
}
