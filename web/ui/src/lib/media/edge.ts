// Keeps a live MSE picture near the newest one: a first jump to it, gentle catching up and falling
// back, a jump when far behind (a sleeping laptop, a hidden tab) or before a hole, and more patience
// after each picture that came too late. All times are media seconds.

import type { MediaFeed } from './feed';

const PATIENCE_MIN = 0.1;
const PATIENCE_MAX = 1.5;
const LATE_ADDS = 0.06;
// Unlearned slowly: a second less patience takes about a minute of pictures.
const PATIENCE_DECAY = 0.0007;
const FAR = 2;
const FASTER = 1.08;
const SLOWER = 0.94;
const AT_HOLE = 0.15;

/**
 * The speed at which to play, `behind` seconds from the end of the newest picture; NaN: as it is.
 * Pure.
 */
export function paceFor(behind: number, patience: number): number | 'jump' {
  if (behind > patience + FAR || behind < -FAR) return 'jump';
  if (behind > patience * 2 + 0.1) return FASTER;
  if (behind < patience * 0.4) return SLOWER;
  return behind > patience * 0.8 && behind < patience * 1.4 ? 1 : NaN;
}

export class EdgeKeeper {
  #patience = PATIENCE_MIN;
  #started = false;

  constructor(private readonly video: HTMLVideoElement) {}

  close(): void {
    this.video.playbackRate = 1;
  }

  /** Everything received is appended, and the newest picture lasts until `newest`. */
  reached(feed: MediaFeed, newest: number, interval: number): void {
    if (!this.#started) {
      this.#started = true;
      this.jump(feed, newest);
      return;
    }
    // Browsers pause muted pictures in hidden tabs; the buffer must not grow meanwhile.
    if (this.video.paused && !document.hidden) this.#play();
    const behind = newest - this.video.currentTime;
    const learned = behind < 0 ? this.#patience + LATE_ADDS : this.#patience - PATIENCE_DECAY;
    // Less than a picture and a half cannot be kept at any rate of pictures.
    const least = Math.max(PATIENCE_MIN, interval * 1.5);
    this.#patience = Math.min(PATIENCE_MAX, Math.max(least, learned));
    const pace = paceFor(behind, this.#patience);
    if (pace === 'jump' || this.#isBeforeHole(feed)) this.jump(feed, newest);
    else if (!Number.isNaN(pace) && this.video.playbackRate !== pace) this.video.playbackRate = pace;
  }

  /** The buffer breaks right ahead: a format or a camera began anew. */
  #isBeforeHole(feed: MediaFeed): boolean {
    const at = this.video.currentTime;
    const end = feed.endAt(at);
    return end === null || (end - at < AT_HOLE && (feed.end ?? end) - end > 0.001);
  }

  /** To the newest picture. */
  jump(feed: MediaFeed, newest: number): void {
    const ranges = feed.buffered;
    if (ranges === null || ranges.length === 0) return;
    const start = ranges.start(ranges.length - 1);
    this.video.currentTime = Math.max(start, newest - this.#patience);
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
