// Small pictures of moments for a list: a few are fetched at once, those kept are bounded, and all is
// let go when the list closes. The server decodes a picture for each, so nobody asks for one unseen.

export type Fetch = (at: number, signal: AbortSignal) => Promise<Blob>;

interface Waiting {
  readonly at: number;
  readonly signal: AbortSignal;
  readonly begin: () => void;
}

const AT_ONCE = 2;
const KEPT = 60;

export class Previews {
  readonly #fetch: Fetch;
  readonly #atOnce: number;
  readonly #kept: number;
  readonly #closing = new AbortController();
  // By moment, the one used longest ago first. Full: that one is let go.
  readonly #addresses = new Map<number, string>();
  // As many as rows are seen at once: who scrolls on takes theirs back.
  #waiting: Waiting[] = [];
  #running = 0;

  constructor(fetch: Fetch, atOnce = AT_ONCE, kept = KEPT) {
    this.#fetch = fetch;
    this.#atOnce = atOnce;
    this.#kept = kept;
  }

  /** The address of a picture, good until it is closed or many newer ones are asked for. */
  async picture(at: number, signal: AbortSignal): Promise<string> {
    const known = this.#addresses.get(at);
    if (known !== undefined) {
      this.#addresses.delete(at);
      this.#addresses.set(at, known);
      return known;
    }
    const either = AbortSignal.any([signal, this.#closing.signal]);
    await this.#turn(at, either);
    try {
      const picture = await this.#fetch(at, either);
      either.throwIfAborted();
      return this.#keep(at, URL.createObjectURL(picture));
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  close(): void {
    this.#closing.abort();
    for (const address of this.#addresses.values()) URL.revokeObjectURL(address);
    this.#addresses.clear();
  }

  /** How many are being fetched, and how many are kept. */
  get counts(): { readonly running: number; readonly kept: number } {
    return { running: this.#running, kept: this.#addresses.size };
  }

  #turn(at: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== mine);
        reject(signal.reason as Error);
      };
      const mine: Waiting = {
        at,
        signal,
        begin: () => {
          signal.removeEventListener('abort', gone);
          this.#running += 1;
          resolve();
        },
      };
      signal.addEventListener('abort', gone, { once: true });
      this.#waiting.push(mine);
      this.#next();
    });
  }

  #next(): void {
    while (this.#running < this.#atOnce) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next.begin();
    }
  }

  #keep(at: number, address: string): string {
    const before = this.#addresses.get(at);
    if (before !== undefined) URL.revokeObjectURL(before);
    this.#addresses.set(at, address);
    for (const [oldest, its] of this.#addresses) {
      if (this.#addresses.size <= this.#kept) break;
      this.#addresses.delete(oldest);
      URL.revokeObjectURL(its);
    }
    return address;
  }
}
