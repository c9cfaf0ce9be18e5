// A `<video>` fed through Media Source Extensions: one SourceBuffer, its operations strictly one
// after another, its buffer bounded by whoever calls `keep`. Knows bytes and buffered ranges;
// where bytes come from and what they mean stands in the live and archive players.

/** The browser could not take the bytes: the codec, the container or the buffer failed. */
export class FeedError extends Error {
  constructor(
    readonly code: 'codec' | 'decode' | 'closed' | 'full',
    detail: string,
  ) {
    super(detail);
    this.name = 'FeedError';
  }
}

const OPEN_DEADLINE = 5000;
// Seconds, some thirty years: longer than any page lives or any footage is kept.
const DURATION = 1e9;

/** Resolves at the first of these events; rejects on `signal`. Leaves no listener behind. */
export function nextEvent(
  target: EventTarget,
  types: readonly string[],
  signal: AbortSignal | null = null,
  deadline: number | null = null,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const finish = (act: () => void): void => {
      listening.abort();
      clearTimeout(timer);
      act();
    };
    const timer =
      deadline === null ? undefined : setTimeout(() => finish(() => resolve('timeout')), deadline);
    for (const type of types) {
      target.addEventListener(type, () => finish(() => resolve(type)), { signal: listening.signal });
    }
    const onAbort = (): void =>
      finish(() => reject(new DOMException('no longer wanted', 'AbortError')));
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { signal: listening.signal });
  });
}

export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return nextEvent(new EventTarget(), [], signal, ms).then(() => undefined);
}

/** Waits; false when nobody wants the wait's end any more. */
export async function rested(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether this browser plays the type through MSE. */
export function canFeed(mime: string): boolean {
  return typeof MediaSource !== 'undefined' && MediaSource.isTypeSupported(mime);
}

export class MediaFeed {
  readonly #source = new MediaSource();
  #buffer: SourceBuffer | null = null;
  #mime = '';
  // A chain of at most the few operations one player issues; each waits for the one before.
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  #url = '';

  private constructor(private readonly video: HTMLVideoElement) {}

  /** Attaches a new MediaSource to the element; the caller closes the feed. */
  static async attach(video: HTMLVideoElement, signal: AbortSignal): Promise<MediaFeed> {
    const feed = new MediaFeed(video);
    const url = URL.createObjectURL(feed.#source);
    feed.#url = url;
    try {
      video.srcObject = null;
      video.src = url;
      const opened = await nextEvent(feed.#source, ['sourceopen'], signal, OPEN_DEADLINE);
      if (opened === 'timeout') throw new FeedError('closed', 'the browser did not open the source');
    } catch (error) {
      feed.close();
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
    // Not Infinity: then a browser lets nobody seek past what is buffered.
    feed.#source.duration = DURATION;
    return feed;
  }

  /** Ends of the element's claim on memory; safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffer = null;
    // The element may already show something else: a session ends a little after it is told to.
    if (this.video.src !== this.#url) return;
    this.video.removeAttribute('src');
    this.video.load();
  }

  get buffered(): TimeRanges | null {
    return this.#buffer === null || this.#closed ? null : this.#buffer.buffered;
  }

  /** The end of the buffered range that holds `time`, or null when it is not buffered. */
  endAt(time: number, slack = 0.05): number | null {
    const ranges = this.buffered;
    for (let i = 0; ranges !== null && i < ranges.length; i += 1) {
      if (ranges.start(i) - slack <= time && time < ranges.end(i)) return ranges.end(i);
    }
    return null;
  }

  /** The start of the first buffered range after `time`, or null. */
  startAfter(time: number): number | null {
    const ranges = this.buffered;
    for (let i = 0; ranges !== null && i < ranges.length; i += 1) {
      if (ranges.start(i) > time) return ranges.start(i);
    }
    return null;
  }

  /** The end of everything buffered, or null. */
  get end(): number | null {
    const ranges = this.buffered;
    return ranges === null || ranges.length === 0 ? null : ranges.end(ranges.length - 1);
  }

  /** Makes the buffer ready for a MIME type; the type may change while playing. */
  async prepare(mime: string, signal: AbortSignal): Promise<void> {
    await this.#inTurn(signal, () => {
      if (mime === this.#mime) return null;
      if (!canFeed(mime)) throw new FeedError('codec', `this browser does not play ${mime}`);
      if (this.#buffer === null) this.#buffer = this.#source.addSourceBuffer(mime);
      else this.#buffer.changeType(mime);
      this.#mime = mime;
      return null;
    });
  }

  /** Appends whole boxes; `offset` seconds are added to their times. */
  async append(data: Uint8Array<ArrayBuffer>, offset: number, signal: AbortSignal): Promise<void> {
    await this.#inTurn(signal, (buffer) => {
      if (buffer.timestampOffset !== offset) buffer.timestampOffset = offset;
      try {
        buffer.appendBuffer(data);
      } catch (error) {
        if (error instanceof DOMException && error.name === 'QuotaExceededError') {
          throw new FeedError('full', 'the browser’s buffer is full');
        }
        throw error;
      }
      return buffer;
    });
  }

  /** Drops what is buffered outside `from`–`to` seconds. */
  async keep(from: number, to: number, signal: AbortSignal): Promise<void> {
    const ranges = this.buffered;
    if (ranges === null || ranges.length === 0) return;
    const first = ranges.start(0);
    const last = ranges.end(ranges.length - 1);
    if (first < from) await this.#remove(0, from, signal);
    if (last > to) await this.#remove(to, Infinity, signal);
  }

  async #remove(from: number, to: number, signal: AbortSignal): Promise<void> {
    if (from >= to) return;
    await this.#inTurn(signal, (buffer) => {
      buffer.remove(from, to);
      return buffer;
    });
  }

  /** Runs after all earlier operations; `act` returns the buffer if it works on asynchronously. */
  #inTurn(signal: AbortSignal, act: (buffer: SourceBuffer) => SourceBuffer | null): Promise<void> {
    const turn = this.#last.then(async () => {
      signal.throwIfAborted();
      if (this.#closed || this.#source.readyState !== 'open') {
        throw new FeedError(this.video.error === null ? 'closed' : 'decode', this.#explain());
      }
      const busy = act(this.#buffer as SourceBuffer);
      if (busy === null) return;
      // Not on `signal`: an operation once begun is always waited for.
      const end = await nextEvent(busy, ['updateend', 'error', 'abort']);
      if (end === 'error') throw new FeedError('decode', this.#explain());
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #explain(): string {
    return this.video.error?.message ?? 'the media source is closed';
  }
}
