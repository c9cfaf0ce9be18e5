// The search for cameras that a page shows: begun, followed while it runs, found again after a
// reload. Where one runs already, that is the one that is shown.

import { ApiError } from './api';
import type { Search, SearchOrder } from './registry';
import { session } from './session.svelte';

const EVERY_MS = 700;
const IDLE_MS = 10_000; // an ended search is asked for too: cameras may be added elsewhere

export class Searching {
  /** undefined: not known yet; null: there is none. */
  search = $state.raw<Search | null | undefined>(undefined);
  /** Why the last question failed; null when it was answered. */
  problem = $state.raw<ApiError | null>(null);
  /** Why a search could not be begun, or stopped. */
  refusal = $state.raw<ApiError | null>(null);
  busy = $state(false);

  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | null = null;

  /** Follow until the returned function is called. */
  run(): () => void {
    const seen = (): void => {
      if (document.visibilityState === 'visible') void this.refresh();
    };
    document.addEventListener('visibilitychange', seen);
    void this.refresh();
    return () => {
      document.removeEventListener('visibilitychange', seen);
      clearTimeout(this.#timer);
      this.#asking?.abort();
      this.#asking = null;
    };
  }

  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      const known = await session.api.registry.searches(asking.signal);
      this.search = known[0] ?? null;
      this.problem = null;
    } catch (reason) {
      if (asking.signal.aborted) return;
      if (!(reason instanceof ApiError)) throw reason;
      this.problem = reason;
    }
    if (asking.signal.aborted || document.visibilityState !== 'visible') return;
    const wait = this.search?.state === 'running' ? EVERY_MS : IDLE_MS;
    this.#timer = setTimeout(() => void this.refresh(), wait);
  }

  async begin(order: SearchOrder): Promise<void> {
    await this.#change(() => session.api.registry.search(order));
  }

  async stop(): Promise<void> {
    const { search } = this;
    if (search) await this.#change(() => session.api.registry.stopSearch(search.id));
  }

  async #change(act: () => Promise<Search>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.refusal = null;
    try {
      this.search = await act();
    } catch (reason) {
      if (!(reason instanceof ApiError)) throw reason;
      this.refusal = reason;
    } finally {
      this.busy = false;
    }
    await this.refresh();
  }
}
