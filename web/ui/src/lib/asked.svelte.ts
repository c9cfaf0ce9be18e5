// An answer of the server that a page shows: asked for again and again while somebody looks, kept
// over a failed question, with the reason of the failure beside it.

import { ApiError } from './api';

export class Asked<T> {
  /** null until the first answer. */
  value = $state.raw<T | null>(null);
  /** Why the last question failed; null when it was answered. */
  problem = $state.raw<ApiError | null>(null);

  readonly #ask: (signal: AbortSignal) => Promise<T>;
  readonly #every: (value: T | null) => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | null = null;

  /** `every`: ms to the next question, by what is known. */
  constructor(ask: (signal: AbortSignal) => Promise<T>, every: (value: T | null) => number) {
    this.#ask = ask;
    this.#every = every;
  }

  /** Ask until the returned function is called. */
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

  /** Ask now, as after a change or by "try again". */
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      this.value = await this.#ask(asking.signal);
      this.problem = null;
    } catch (reason) {
      if (asking.signal.aborted) return;
      if (!(reason instanceof ApiError)) throw reason;
      this.problem = reason;
    }
    if (asking.signal.aborted || document.visibilityState !== 'visible') return;
    this.#timer = setTimeout(() => void this.refresh(), this.#every(this.value));
  }
}
