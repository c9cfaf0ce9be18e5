// The exact presentation times of the pictures that are buffered, so that one picture forward or
// back is one picture, whatever the frame rate does. Times are milliseconds since 1970.

interface Run {
  readonly start: number;
  readonly times: readonly number[];
}

// Times of fragments a second long: five minutes on both sides of the playhead at most.
const RUNS_MAX = 600;

export class FrameTimes {
  // Sorted by start; oldest by distance go when `keep` is called, the far ones when full.
  #runs: Run[] = [];

  /** Notes the pictures of one fragment; a fragment appended again replaces itself. */
  add(shown: readonly number[]): void {
    if (shown.length === 0) return;
    const times = [...shown].sort((a, b) => a - b);
    const start = times[0] ?? 0;
    const others = this.#runs.filter((run) => Math.abs(run.start - start) > 0.5);
    this.#runs = [...others, { start, times }].sort((a, b) => a.start - b.start).slice(-RUNS_MAX);
  }

  /** Forgets what lies outside. */
  keep(from: number, to: number): void {
    this.#runs = this.#runs.filter((run) => run.start >= from - 2000 && run.start <= to);
  }

  clear(): void {
    this.#runs = [];
  }

  /** The picture `count` after (or before, if negative) the one shown at `at`; null if unknown. */
  step(at: number, count: number): number | null {
    // Half a millisecond of slack: browsers keep microseconds, files 90 kHz ticks.
    let run = this.#runs.findLastIndex(({ start }) => start <= at + 0.5);
    if (run === -1) return null;
    const times = this.#runs[run]?.times ?? [];
    let index = times.findLastIndex((time) => time <= at + 0.5) + count;
    while (index < 0 && run > 0) {
      run -= 1;
      index += this.#runs[run]?.times.length ?? 0;
    }
    while (run < this.#runs.length - 1 && index >= (this.#runs[run]?.times.length ?? 0)) {
      index -= this.#runs[run]?.times.length ?? 0;
      run += 1;
    }
    return this.#runs[run]?.times[index] ?? null;
  }

  /** The first picture shown at or after `at`; null if unknown. */
  firstFrom(at: number): number | null {
    for (const { times } of this.#runs) {
      const found = times.find((time) => time >= at - 0.5);
      if (found !== undefined) return found;
    }
    return null;
  }

  get size(): number {
    return this.#runs.length;
  }
}
