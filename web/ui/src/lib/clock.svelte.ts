// The site's clock: the server's time, not this computer's, told once a second on the second.

const TICK_MS = 1_000;
// A late answer would shift the clock by half its delay: only quick ones correct it, …
const ROUND_TRIP_MAX_MS = 500;
// … and small differences are the network's, not the clocks'.
const STEP_MS = 100;

class SiteClock {
  /** Milliseconds since 1970 UTC, on whole seconds. */
  now = $state(Date.now());
  #offset = 0;
  #known = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The server's time to the millisecond; does not make its reader follow the ticks. */
  exact(): number {
    return Date.now() + this.#offset;
  }

  /** The server said it was `server` some time between `asked` and `answered` (this computer's). */
  correct(server: number, asked: number, answered: number): void {
    if (!Number.isFinite(server)) return;
    if (this.#known && answered - asked > ROUND_TRIP_MAX_MS) return;
    const offset = server - (asked + answered) / 2;
    if (!this.#known || Math.abs(offset - this.#offset) > STEP_MS) this.#offset = offset;
    this.#known = true;
  }

  /** Tick until the returned function is called. */
  run(): () => void {
    const tick = (): void => {
      const exact = this.exact();
      this.now = Math.floor(exact / TICK_MS) * TICK_MS;
      this.#timer = setTimeout(tick, TICK_MS - (exact % TICK_MS));
    };
    tick();
    return () => clearTimeout(this.#timer);
  }
}

export const clock = new SiteClock();
