// Plays a camera live: chooses the path by what browser and stream can do, takes the other when it
// fails, comes back by itself after every end. The sessions run once each (`whep.ts`,
// `socket-live.ts`); only this module loops.

import { Backoff } from './backoff';
import { FeedError, rested } from './feed';
import type { PathName, Phase } from './phase';
import { Problem, request, type StreamName } from './server';
import { SocketSession } from './socket-live';
import { canWebRtc, NoWebRtc, WhepSession } from './whep';

/** What a running session tells. */
export interface LiveEvents {
  /** The session has pictures coming and now needs the element: the old one is kept as a still. */
  takeOver<T>(attach: () => T): T;
  /** The session is about to let go of the element. */
  leaving(): void;
  up(): void;
  /** The server says the camera sends nothing, and why. */
  down(cause: string, detail: string): void;
}

export interface LiveReport {
  readonly phase: Phase;
  readonly path: PathName;
  readonly why: string;
  readonly pathWhy: string;
  readonly detail: string;
  readonly retryAt: number | null;
}

export interface LiveListener {
  report(report: LiveReport): void;
  /** Keep the picture on screen as a still: the element is about to be emptied. */
  keepPicture(): void;
}

export interface LiveOptions {
  readonly camera: string;
  readonly stream: StreamName;
  readonly sound: boolean;
  /** What the page knows of the codec (`h264`, `h265`), or empty. */
  readonly codec: string;
}

export interface Choice {
  readonly path: 'webrtc' | 'mse';
  readonly why: string;
}

/** Which way pictures come: by what the browser can do, what the stream is and what failed. Pure. */
export function choosePath(codec: string, webRtc: boolean, refused: string): Choice {
  if (refused !== '') return { path: 'mse', why: refused };
  if (codec !== '' && codec !== 'h264') return { path: 'mse', why: 'codec' };
  return webRtc ? { path: 'webrtc', why: 'h264' } : { path: 'mse', why: 'no_webrtc' };
}

/** Codes of the server that mean: not over WebRTC, but perhaps by MSE. */
const REFUSALS = new Set(['b_frames', 'codec']);
// The network or the camera's settings may have changed: WebRTC gets another chance.
const REFUSED_FOR = 10 * 60_000;
const SLOW_RETRY = 30_000;

export class LivePlayer {
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff();
  #refused = '';
  #refusedAt = 0;
  #choice: Choice;
  #session: WhepSession | SocketSession | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly options: LiveOptions,
    private readonly listener: LiveListener,
  ) {
    this.#choice = choosePath(options.codec, canWebRtc(), '');
  }

  /** Begins; separate so that the listener knows whom it hears. */
  start(): void {
    void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  get path(): PathName {
    return this.#choice.path;
  }

  async latencyMs(): Promise<number | null> {
    const session = this.#session;
    if (session instanceof SocketSession) return session.latencyMs;
    const inbound = session === null ? null : await session.inbound();
    const emitted = inbound?.jitterBufferEmittedCount ?? 0;
    // What the browser adds; the server's and the network's part it cannot know.
    return emitted > 0 ? (1000 * (inbound?.jitterBufferDelay ?? 0)) / emitted : null;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      if (Date.now() - this.#refusedAt > REFUSED_FOR) this.#refused = '';
      this.#choice = choosePath(this.options.codec, canWebRtc(), this.#refused);
      this.#report('connecting', '', '', null);
      const wait = await this.#once(signal);
      await rested(wait, signal);
    }
  }

  /** One session; returns how long to wait before the next. */
  async #once(signal: AbortSignal): Promise<number> {
    const { camera, stream, sound } = this.options;
    const session =
      this.#choice.path === 'webrtc'
        ? new WhepSession(this.video, camera, stream, sound)
        : new SocketSession(this.video, camera, stream);
    this.#session = session;
    try {
      const why = await session.run(this.#events(), signal);
      return this.#waiting('stalled', why, '');
    } catch (error) {
      if (signal.aborted) return 0;
      return await this.#failed(error);
    } finally {
      this.#session = null;
    }
  }

  #events(): LiveEvents {
    let isUp = false;
    let downFor: string | null = null;
    return {
      takeOver: (attach) => {
        this.listener.keepPicture();
        return attach();
      },
      leaving: () => this.listener.keepPicture(),
      up: () => {
        if (isUp) return;
        isUp = true;
        downFor = null;
        this.#backoff.reset();
        this.#report('playing', '', '', null);
      },
      down: (cause, detail) => {
        isUp = false;
        if (downFor === cause) return;
        downFor = cause;
        this.#report('stalled', cause, detail, null);
      },
    };
  }

  async #failed(error: unknown): Promise<number> {
    const refusal = refusalOf(error);
    if (refusal !== null && this.#choice.path === 'webrtc') {
      this.#refused = refusal;
      this.#refusedAt = Date.now();
      return 0;
    }
    if (error instanceof FeedError) return this.#waiting('failed', error.code, error.message, SLOW_RETRY);
    const problem = error instanceof Problem ? await this.#explained(error) : null;
    if (problem === null || problem.status === 0) return this.#waiting('stalled', 'network', '');
    const slow = problem.status === 404 ? SLOW_RETRY : problem.retryAfter;
    const why = problem.status === 401 ? 'denied' : problem.code;
    return this.#waiting('failed', why, problem.message, slow ?? undefined);
  }

  /** A refused WebSocket says nothing to a page: the camera's own address tells the reason. */
  async #explained(problem: Problem): Promise<Problem> {
    if (problem.status !== 0 || this.#choice.path !== 'mse') return problem;
    try {
      await request(`/api/cameras/${encodeURIComponent(this.options.camera)}`);
      return problem;
    } catch (error) {
      return error instanceof Problem ? error : problem;
    }
  }

  #waiting(phase: Phase, why: string, detail: string, wait = this.#backoff.next()): number {
    this.#report(phase, why, detail, Date.now() + wait);
    return wait;
  }

  #report(phase: Phase, why: string, detail: string, retryAt: number | null): void {
    const { path, why: pathWhy } = this.#choice;
    this.listener.report({ phase, path, why, pathWhy, detail, retryAt });
  }
}

function refusalOf(error: unknown): string | null {
  if (error instanceof NoWebRtc) return error.code;
  if (error instanceof Problem && REFUSALS.has(error.code)) return error.code;
  return error instanceof Problem ? null : sdpError(error);
}

/** The browser rejects the answer or the codecs: another way of saying it can't. */
function sdpError(error: unknown): string | null {
  return error instanceof DOMException && error.name !== 'AbortError' ? 'no_webrtc' : null;
}
