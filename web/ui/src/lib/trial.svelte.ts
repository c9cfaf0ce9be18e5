// A trial that a page waits for: begun again, given up, its outcome kept until the next one.

import { ApiError } from './api';
import type { Entry, Tried } from './registry';
import { session } from './session.svelte';

export class Trial {
  tried = $state.raw<Tried | null>(null);
  busy = $state(false);
  problem = $state.raw<ApiError | null>(null);
  #asking: AbortController | null = null;

  /** `id` null: an address that is not registered; else a registered camera, patched by `entry`. */
  run(id: string | null, entry: Entry): Promise<void> {
    return this.ask((signal) => session.api.registry.test(id, entry, signal));
  }

  /** Any trial. */
  async ask(what: (signal: AbortSignal) => Promise<Tried>): Promise<void> {
    this.stop();
    const asking = new AbortController();
    this.#asking = asking;
    this.busy = true;
    this.problem = null;
    this.tried = null;
    try {
      this.tried = await what(asking.signal);
    } catch (failure) {
      if (asking.signal.aborted) return;
      if (!(failure instanceof ApiError)) throw failure;
      this.problem = failure;
    } finally {
      if (this.#asking === asking) this.busy = false;
    }
  }

  stop(): void {
    this.#asking?.abort();
    this.#asking = null;
    this.busy = false;
  }
}
