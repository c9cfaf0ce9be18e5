// Keeps a live MSE picture near the newest data: a first jump to it, gentle catching up, a jump
// when far behind (a sleeping laptop, a hidden tab), and more patience after each stall.

import type { MediaFeed } from './feed';

const PATIENCE_MIN = 0.12;
const PATIENCE_MAX = 1.5;
const STALL_ADDS = 0.15;
// Unlearned slowly: a second less patience takes about a minute of pictures.
const PATIENCE_DECAY = 0.0007;
const FAR = 3;
const CATCH_UP = 1.08;

/** What to do at a distance of `behind` seconds from the newest data; pure. */
export function paceFor(behind: number, patience: number): number | 'jump' {
  if (behind > patience + FAR) return 'jump';
  if (behind > patience * 2 + 0.1) return CATCH_UP;
  return behind < patience * 1.3 ? 1 : NaN; // between: as it is
}

export class EdgeKeeper {
  readonly #listening = new AbortController();
  #patience = PATIENCE_MIN;
  #started = false;

  constructor(private readonly video: HTMLVideoElement) {
    video.addEventListener('waiting', () => this.#stalled(), { signal: this.#listening.signal });
  }

  close(): void {
    this.#listening.abort();
    this.video.playbackRate = 1;
  }

  #stalled(): void {
    if (this.#started) this.#patience = Math.min(PATIENCE_MAX, this.#patience + STALL_ADDS);
  }

  /** Everything received is appended: where are we? */
  reached(feed: MediaFeed): void {
    const end = feed.end;
    if (end === null) return;
    if (!this.#started) {
      this.#started = true;
      this.jump(feed);
      return;
    }
    this.#patience = Math.max(PATIENCE_MIN, this.#patience - PATIENCE_DECAY);
    // Browsers pause muted pictures in hidden tabs; the buffer must not grow meanwhile.
    if (this.video.paused && !document.hidden) this.#play();
    const pace = paceFor(end - this.video.currentTime, this.#patience);
    if (pace === 'jump' || feed.endAt(this.video.currentTime) === null) this.jump(feed);
    else if (!Number.isNaN(pace) && this.video.playbackRate !== pace) this.video.playbackRate = pace;
  }

  /** To the newest picture. */
  jump(feed: MediaFeed): void {
    const end = feed.end;
    if (end === null) return;
    const start = feed.buffered?.start((feed.buffered.length || 1) - 1) ?? 0;
    this.video.currentTime = Math.max(start, end - this.#patience);
    this.video.playbackRate = 1;
    this.#play();
  }

  #play(): void {
    this.video.play().catch((error: unknown) => {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      this.video.muted = true;
      this.video.play().catch(() => undefined);
    });
  }
}
