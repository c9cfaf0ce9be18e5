// Plays the past on a `<video>`: every moment is addressed by its wall-clock time, segment borders
// are not seen, gaps are jumped over and told, the newest end is followed as it grows.

import { Backoff } from './backoff';
import { FeedError, nextEvent, rested } from './feed';
import { Filling, type Hole } from './filling';
import { libraryOf, type Library } from './library';
import type { Phase } from './phase';
import { Problem, type StreamName } from './server';
import { Shuttle } from './shuttle';
import { Stock } from './stock';

export interface ArchiveEvents {
  phase(phase: Phase, why: string, retryAt: number | null): void;
  hole(hole: Hole): void;
  /** Playback has reached the newest footage. */
  newest(): void;
  /** The picture asked for is on screen, so many ms after it was asked for. */
  shown(ms: number): void;
}

/** Between these the browser plays; beyond, and backwards, we step by keyframes. */
const PLAY_RATE_MAX = 4;
const WATCH_EVERY = 200;
// A hole is jumped when the playhead is this close to it, in seconds.
const AT_HOLE = 0.12;
// Cracks no gap explains (a lost picture between segments) are jumped when shorter than this.
const CRACK = 0.6;
// Browsers stop their clock on the last picture they have, with the most of its time still to go.
const STANDS_AFTER = 300;
// A decoder may keep its last pictures to itself until more come, and before a hole none do: given
// up after so many ms, for so many seconds at most.
const STARVED_AFTER = 1000;
const STARVED = 0.5;
const STALL_AFTER = 1500;
const HOLES_MAX = 100;
const FRAME_GUESS = 45;

export class ArchivePlayer {
  readonly #library: Library;
  readonly #closing = new AbortController();
  readonly #watch: ReturnType<typeof setInterval>;
  #stock: Stock | null = null;
  #work: AbortController | null = null;
  #playing = true;
  #rate = 1;
  /** The moment being sought, until its picture is there. */
  #wanted: number | null = null;
  #asked = 0;
  // Where playback may jump; the oldest goes when full.
  #holes: Hole[] = [];
  #newest: number | null = null;
  #stuckSince: number | null = null;
  /** Where the playhead was found last, and since when it stands there. */
  #stood = { at: NaN, since: 0 };

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly camera: string,
    private readonly stream: StreamName,
    private readonly events: ArchiveEvents,
  ) {
    this.#library = libraryOf(camera, stream);
    const listen = { signal: this.#closing.signal };
    video.addEventListener('seeked', () => this.#onSeeked(), listen);
    video.addEventListener('error', () => this.#onMediaError(), listen);
    video.addEventListener('waiting', () => this.#check(), listen);
    video.addEventListener('timeupdate', () => this.#check(), listen);
    this.#watch = setInterval(() => this.#check(), WATCH_EVERY);
  }

  close(): void {
    this.#closing.abort();
    this.#work?.abort();
    clearInterval(this.#watch);
    this.#stock?.close();
    this.#stock = null;
    this.video.playbackRate = 1;
  }

  /** What the picture shows, in ms since 1970; the moment asked for while it is being fetched. */
  get currentTime(): number {
    if (this.#wanted !== null || this.#stock === null) return this.#wanted ?? NaN;
    const at = this.#stock.toWall(this.video.currentTime);
    // A picture that stands still is named by its own time, not by where in it somebody clicked.
    return (this.video.paused ? this.#stock.frames.step(at, 0) : null) ?? at;
  }

  get paused(): boolean {
    return !this.#playing;
  }

  get rate(): number {
    return this.#rate;
  }

  /** Shows the moment `at`, or the first footage after it, and goes on as before. */
  seek(at: number): void {
    const work = this.#begin();
    this.#wanted = at;
    this.#asked = performance.now();
    this.#newest = null;
    if (this.#isShuttling) {
      void this.#runShuttle(at, work.signal);
      return;
    }
    this.events.phase('connecting', 'seek', null);
    const stock = this.#stock;
    const end = stock?.endAt(at) ?? null;
    if (stock !== null && end !== null && end - at > 80) {
      this.video.currentTime = stock.toMedia(at);
      this.#applyPlaying();
      // From a little inside, so that decoding continues from a keyframe already in stock.
      void this.#keepFilling(end - 50, work.signal, false);
      return;
    }
    void this.#keepFilling(at, work.signal, true);
  }

  play(): void {
    this.#playing = true;
    this.#applyPlaying();
  }

  pause(): void {
    this.#playing = false;
    this.#applyPlaying();
  }

  /** 1/8 to 4: played; above, and below 0 (backwards): keyframe by keyframe. */
  set rate(rate: number) {
    const at = this.currentTime;
    const shuttles = isShuttle(this.#rate) || isShuttle(rate);
    this.#rate = rate;
    if (!Number.isNaN(at) && shuttles) this.seek(at);
    else this.#applyPlaying();
  }

  /** Pauses and shows the picture `count` further (back, if negative). */
  step(count: number): void {
    this.pause();
    const stock = this.#stock;
    const at = this.currentTime;
    if (stock === null || Number.isNaN(at)) return;
    const next = stock.frames.step(at, count);
    if (next === null || stock.endAt(next) === null) {
      this.seek(count < 0 ? at - 1 : at + FRAME_GUESS * count);
      return;
    }
    this.#wanted = next;
    this.#asked = performance.now();
    // Half a millisecond inside the picture: its edge belongs to the one before after rounding.
    this.video.currentTime = stock.toMedia(next) + 0.0005;
  }

  get #isShuttling(): boolean {
    return isShuttle(this.#rate);
  }

  #begin(): AbortController {
    this.#work?.abort();
    this.#work = new AbortController();
    this.#stuckSince = null;
    return this.#work;
  }

  #applyPlaying(): void {
    if (this.#isShuttling || !this.#playing) {
      this.video.pause();
      return;
    }
    this.video.playbackRate = this.#rate;
    this.video.play().catch((error: unknown) => {
      // Browsers refuse sound that nobody clicked for; pictures matter more.
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      this.video.muted = true;
      this.video.play().catch(() => undefined);
    });
  }

  async #stockFor(at: number, signal: AbortSignal): Promise<Stock> {
    if (this.#stock?.reaches(at) === true && this.video.error === null) return this.#stock;
    this.#stock?.close();
    this.#stock = null;
    const stock = await Stock.attach(this.video, at, signal);
    this.#stock = stock;
    return stock;
  }

  /** Fills from `at` until aborted; what fails is told, waited for and tried again. */
  async #keepFilling(at: number, signal: AbortSignal, show: boolean): Promise<void> {
    const backoff = new Backoff();
    let from = at;
    for (let showing = show; ; showing = true) {
      try {
        const stock = await this.#stockFor(from, signal);
        const filling = new Filling(this.#library, stock, () => this.currentTime, {
          located: (moment) => (showing ? this.#moveTo(stock, moment) : undefined),
          ready: () => {
            backoff.reset();
            if (showing) this.#applyPlaying();
          },
          hole: (hole) => this.#noteHole(hole, showing),
          newest: (end) => this.#noteNewest(end),
        });
        await filling.run(from, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(await rested(this.#failed(error, backoff), signal))) return;
        const at = this.currentTime;
        from = (Number.isNaN(at) ? from : at) + (isDecode(error) ? 500 : 0);
        this.#wanted = from;
      }
    }
  }

  #failed(error: unknown, backoff: Backoff): number {
    const wait = error instanceof Problem ? (error.retryAfter ?? backoff.next()) : backoff.next();
    const why = failureCode(error);
    // A file that went away meanwhile, or whose place changed: ask anew where footage is.
    if (error instanceof Problem && error.status !== 401) this.#library.clear();
    const phase = why === 'network' || why === 'decode' ? 'stalled' : 'failed';
    this.events.phase(phase, why, Date.now() + wait);
    return wait;
  }

  #moveTo(stock: Stock, at: number): void {
    this.#wanted = at;
    const target = stock.toMedia(at);
    if (this.video.readyState > 0) {
      this.video.currentTime = target;
      return;
    }
    void nextEvent(this.video, ['loadedmetadata'], this.#work?.signal).then(
      () => {
        this.video.currentTime = target;
      },
      () => undefined,
    );
  }

  #noteHole(hole: Hole, isStart: boolean): void {
    this.#holes = [...this.#holes.filter((known) => known.end !== hole.end), hole].slice(-HOLES_MAX);
    const at = this.#wanted;
    if (isStart && at !== null && at >= hole.start && at < hole.end) this.#tellHole(hole);
  }

  #tellHole(hole: Hole): void {
    this.events.phase('gap', 'gap', null);
    this.events.hole(hole);
  }

  #noteNewest(at: number): void {
    this.#newest = at;
    if (this.#wanted !== null && this.#wanted >= at) this.events.phase('ended', 'newest', null);
  }

  #onSeeked(): void {
    if (this.#wanted === null || this.#isShuttling) return;
    this.#wanted = null;
    this.#stuckSince = null;
    this.events.phase('playing', '', null);
    this.events.shown(performance.now() - this.#asked);
  }

  #onMediaError(): void {
    const at = this.currentTime;
    if (this.#stock === null || Number.isNaN(at) || this.#closing.signal.aborted) return;
    // An error that comes while filling is met by its next append; one while it waits, only here.
    this.seek(at + 500);
  }

  /** Looks after the playhead: jumps holes, tells stalls and the newest end. */
  #check(): void {
    const stock = this.#stock;
    if (stock === null || this.#wanted !== null || this.#isShuttling || !this.#playing) return;
    const at = this.video.currentTime;
    const end = stock.feed.endAt(at);
    const stands = this.#stands(at);
    const isDone = end !== null && this.#isDone(stock, at, end, stands);
    if (end !== null && end - at > AT_HOLE && !isDone) {
      this.#moving();
      return;
    }
    const next = stock.feed.startAfter(at);
    if (next !== null && this.#mayJump(stock, end ?? at, next)) {
      this.#jump(stock, end ?? at, next);
      return;
    }
    this.#stuck(stock.toWall(isDone ? end : at));
  }

  /** For how many ms the playhead has been found at `at`. */
  #stands(at: number): number {
    const now = performance.now();
    if (this.#stood.at !== at) this.#stood = { at, since: now };
    return now - this.#stood.since;
  }

  /** Whether a playhead that stands will show nothing more of what it has up to `end`. */
  #isDone(stock: Stock, at: number, end: number, stands: number): boolean {
    if (stands >= STANDS_AFTER && isLastPicture(stock, at, end)) return true;
    const waits = this.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    return stands >= STARVED_AFTER && waits && end - at < STARVED;
  }

  #moving(): void {
    if (this.#stuckSince !== null) this.events.phase('playing', '', null);
    this.#stuckSince = null;
  }

  #mayJump(stock: Stock, from: number, to: number): boolean {
    if (to - from < CRACK) return true;
    const start = stock.toWall(from);
    return this.#holes.some((hole) => Math.abs(hole.start - start) < 2000 && hole.end > start);
  }

  #jump(stock: Stock, from: number, to: number): void {
    if (to - from >= CRACK) this.#tellHole({ start: stock.toWall(from), end: stock.toWall(to) });
    this.#wanted = stock.toWall(to);
    this.#asked = performance.now();
    this.video.currentTime = to + 0.001;
  }

  #stuck(at: number): void {
    const now = performance.now();
    const since = (this.#stuckSince ??= now);
    if (this.#newest !== null && at > this.#newest - 1000) {
      if (since === now) this.events.newest();
      if (now - since > 5000) this.events.phase('ended', 'newest', null);
    } else if (now - since > STALL_AFTER) {
      this.events.phase('stalled', 'network', null);
    }
  }

  async #runShuttle(at: number, signal: AbortSignal): Promise<void> {
    this.video.pause();
    const backoff = new Backoff();
    for (let from = at; ; from = this.currentTime) {
      try {
        const stock = await this.#stockFor(from, signal);
        const shuttle = new Shuttle(this.video, stock, this.#library, this.camera, this.stream);
        await shuttle.run(from, this.#rate, signal, {
          isPaused: () => !this.#playing,
          shown: (moment) => this.#onShuttle(moment),
          hole: (hole) => this.#tellHole(hole),
        });
        this.events.phase('ended', this.#rate > 0 ? 'newest' : 'oldest', null);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(await rested(this.#failed(error, backoff), signal))) return;
      }
    }
  }

  #onShuttle(moment: number): void {
    if (this.#asked !== 0) this.events.shown(performance.now() - this.#asked);
    this.#asked = 0;
    this.#wanted = moment;
    this.events.phase('playing', '', null);
  }
}

/** Whether no other picture follows the one at `at` before `end`; both in media time. */
function isLastPicture(stock: Stock, at: number, end: number): boolean {
  const next = stock.frames.step(stock.toWall(at), 1);
  return next === null || next >= stock.toWall(end) - 1;
}

function isShuttle(rate: number): boolean {
  return rate < 0 || rate > PLAY_RATE_MAX;
}

function isDecode(error: unknown): boolean {
  return error instanceof FeedError && error.code === 'decode';
}

function failureCode(error: unknown): string {
  if (error instanceof FeedError) return error.code === 'codec' ? 'codec' : 'decode';
  if (error instanceof Problem) return error.status === 401 ? 'denied' : error.code;
  return 'network';
}
