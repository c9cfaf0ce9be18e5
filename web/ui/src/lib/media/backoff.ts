// How long to wait before the next attempt: doubling, capped, with jitter so that a wall of
// players does not return in one wave when a server comes back.

export class Backoff {
  #failures = 0;

  constructor(
    private readonly floor = 500,
    private readonly ceiling = 15_000,
    private readonly random: () => number = Math.random,
  ) {}

  /** Milliseconds until the next attempt; grows with each call until `reset`. */
  next(): number {
    const full = Math.min(this.ceiling, this.floor * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    return full * (0.75 + 0.5 * this.random());
  }

  /** After a success: the next failure waits the floor again. */
  reset(): void {
    this.#failures = 0;
  }
}
