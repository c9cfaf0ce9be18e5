// `<vms-player camera="gate-north" stream="main" mode="live">`: a camera, live or in the past.
//
// Attributes: `camera`; `stream` main|sub; `mode` live|archive; `codec` (h264|h265, if the page
// knows it: spares a refused attempt); `sound` (ask for it; muted until `muted = false`); `fit`
// contain|cover; `debug`. Events, none bubbling: `state` (PlayerState), `time` {time}, `gap`
// {start, end}, `firstframe` {ms}, `atlive`. Times are ms since 1970, of what the picture shows.
// Everything it holds is released when it leaves the document.

import { ArchivePlayer } from '../lib/media/archive';
import { LivePlayer, type LiveReport } from '../lib/media/live';
import type { PlayerState, PlayerStats } from '../lib/media/phase';
import type { StreamName } from '../lib/media/server';
import { Stage } from './player/stage';

export type { PlayerState, PlayerStats } from '../lib/media/phase';

export interface PlayerEvents {
  state: CustomEvent<PlayerState>;
  time: CustomEvent<{ time: number }>;
  gap: CustomEvent<{ start: number; end: number }>;
  firstframe: CustomEvent<{ ms: number }>;
  atlive: CustomEvent<null>;
}

const PULSE = 1000;
const LATENCY_EVERY = 5;
// Recorded pictures reach the disk and the index within this time.
const BEHIND_NOW = 2500;

const IDLE: PlayerState = {
  phase: 'connecting',
  path: 'archive',
  why: '',
  pathWhy: '',
  detail: '',
  retryAt: null,
};

export class VmsPlayer extends HTMLElement {
  static readonly observedAttributes = ['camera', 'stream', 'mode', 'sound', 'codec'];

  readonly #stage: Stage;
  #live: LivePlayer | null = null;
  #archive: ArchivePlayer | null = null;
  /** Where the archive begins when it is opened. */
  #target: number | null = null;
  #rate = 1;
  #pausedArchive = false;
  #state: PlayerState = IDLE;
  #started = 0;
  #firstFrameMs: number | null = null;
  #latencyMs: number | null = null;
  #baseline: VideoPlaybackQuality | null = null;
  #pictureAt = Infinity;
  #fps = 0;
  #counted = { frames: 0, at: 0 };
  #pulse: ReturnType<typeof setInterval> | undefined;
  #pulses = 0;
  #frame = 0;
  #told = NaN;
  #restarting = false;

  constructor() {
    super();
    this.#stage = new Stage(this.attachShadow({ mode: 'open' }));
  }

  connectedCallback(): void {
    this.#pulse = setInterval(() => this.#onPulse(), PULSE);
    this.#restartSoon();
  }

  disconnectedCallback(): void {
    clearInterval(this.#pulse);
    this.#stop();
    this.#stage.dropStill();
    this.#state = IDLE;
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after || !this.isConnected) return;
    // Knowing the codec helps only before the path was chosen.
    if (name === 'codec' && this.#live !== null) return;
    // Another camera's picture is not this one's last.
    if (name === 'camera') {
      this.#stop();
      this.#stage.dropStill();
    }
    this.#restartSoon();
  }

  get camera(): string {
    return this.getAttribute('camera') ?? '';
  }

  set camera(camera: string) {
    this.setAttribute('camera', camera);
  }

  get stream(): StreamName {
    return this.getAttribute('stream') === 'sub' ? 'sub' : 'main';
  }

  set stream(stream: StreamName) {
    this.setAttribute('stream', stream);
  }

  get mode(): 'live' | 'archive' {
    return this.getAttribute('mode') === 'archive' ? 'archive' : 'live';
  }

  set mode(mode: 'live' | 'archive') {
    this.setAttribute('mode', mode);
  }

  get muted(): boolean {
    return this.#stage.video.muted;
  }

  set muted(muted: boolean) {
    this.#stage.video.muted = muted;
  }

  /** How it is, as last told by `state`. */
  get state(): PlayerState {
    return this.#state;
  }

  /** Back to what happens now. */
  goLive(): void {
    this.#target = null;
    this.#rate = 1;
    this.#pausedArchive = false;
    if (this.mode === 'live' && this.#live !== null) return;
    this.mode = 'live';
    this.#restartSoon();
  }

  /** Connects anew and goes on where it is: what its reader may see or hear has changed. */
  reopen(): void {
    if (this.#archive !== null) this.#target = this.#archive.currentTime;
    this.#restartSoon();
  }

  /** Shows the past at `at`; without footage there, what follows next. */
  seek(at: Date | number): void {
    const moment = typeof at === 'number' ? at : at.getTime();
    this.#target = moment;
    if (this.#archive !== null) {
      this.#started = performance.now();
      this.#archive.seek(moment);
      return;
    }
    this.mode = 'archive';
    this.#restartSoon();
  }

  play(): void {
    this.#pausedArchive = false;
    this.#archive?.play();
  }

  /** Stands still; from live this means the newest picture that is recorded. */
  pause(): void {
    this.#pausedArchive = true;
    if (this.mode === 'live') this.seek(Date.now() - BEHIND_NOW);
    else this.#archive?.pause();
  }

  get paused(): boolean {
    return this.mode === 'archive' && this.#pausedArchive;
  }

  get rate(): number {
    return this.#rate;
  }

  /** 1/8 to 16, negative for backwards (by keyframes); from live, backwards begins now. */
  set rate(rate: number) {
    if (rate === this.#rate || rate === 0 || !Number.isFinite(rate)) return;
    if (this.mode === 'live' && rate > 0) return;
    this.#rate = rate;
    if (this.mode === 'live') this.seek(Date.now() - BEHIND_NOW);
    else if (this.#archive !== null) this.#archive.rate = rate;
  }

  /** One picture (or `count`) on, or back. */
  step(count: number): void {
    if (this.mode === 'live') {
      this.pause();
      return;
    }
    this.#pausedArchive = true;
    this.#archive?.step(count);
  }

  /** What the picture shows, in ms since 1970; NaN before the first. */
  get currentTime(): number {
    if (this.#archive !== null) return this.#archive.currentTime;
    return this.mode === 'archive' ? (this.#target ?? NaN) : Date.now() - (this.#latencyMs ?? 0);
  }

  /** Counts begin a second after the first picture: those before it only catch up with now. */
  get stats(): PlayerStats {
    const quality = this.#stage.video.getVideoPlaybackQuality();
    const since = this.#baseline ?? quality;
    return {
      path: this.#state.path,
      firstFrameMs: this.#firstFrameMs,
      decoded: Math.max(0, quality.totalVideoFrames - since.totalVideoFrames),
      dropped: Math.max(0, quality.droppedVideoFrames - since.droppedVideoFrames),
      latencyMs: this.#latencyMs,
      fps: this.#fps,
    };
  }

  /** The picture as it is shown, in its own size. */
  snapshot(type?: string): Promise<Blob | null> {
    return this.#stage.snapshot(type);
  }

  #restartSoon(): void {
    if (this.#restarting) return;
    this.#restarting = true;
    queueMicrotask(() => {
      this.#restarting = false;
      if (this.isConnected) this.#restart();
    });
  }

  #stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#live?.close();
    this.#archive?.close();
    this.#live = null;
    this.#archive = null;
    this.#latencyMs = null;
    this.#stage.video.srcObject = null;
  }

  #restart(): void {
    this.#stage.keepPicture();
    this.#stop();
    if (this.camera === '') return;
    this.#started = performance.now();
    this.#firstFrameMs = null;
    this.#baseline = null;
    this.#pictureAt = Infinity;
    this.#stage.stale = false;
    if (this.mode === 'live') this.#startLive();
    else this.#startArchive();
  }

  #startLive(): void {
    const options = {
      camera: this.camera,
      stream: this.stream,
      sound: this.hasAttribute('sound'),
      codec: this.getAttribute('codec') ?? '',
    };
    const live: LivePlayer = new LivePlayer(this.#stage.video, options, {
      report: (report) => this.#onLive(live, report),
      keepPicture: () => {
        if (this.#live !== live) return;
        this.#stage.keepPicture();
        this.#awaitPicture(live);
      },
    });
    this.#live = live;
    live.start();
  }

  #onLive(live: LivePlayer, report: LiveReport): void {
    if (this.#live !== live) return;
    this.#stage.stale = report.phase === 'stalled' || report.phase === 'failed';
    this.#tell(report);
  }

  /** The next picture the compositor shows ends the still and the wait for the first frame. */
  #awaitPicture(live: LivePlayer): void {
    const { video } = this.#stage;
    video.requestVideoFrameCallback(() => {
      if (this.#live !== live) return;
      this.#stage.dropStill();
      // A reconnection of the path begins its counts anew.
      this.#baseline = null;
      this.#pictureAt = Infinity;
      this.#onFirstFrame(performance.now() - this.#started);
    });
  }

  #startArchive(): void {
    const archive = new ArchivePlayer(this.#stage.video, this.camera, this.stream, {
      phase: (phase, why, retryAt) => {
        this.#stage.stale = phase === 'failed';
        this.#tell({ ...IDLE, phase, why, retryAt });
      },
      hole: ({ start, end }) => this.#send('gap', { start, end }),
      newest: () => this.#send('atlive', null),
      shown: (ms) => {
        this.#stage.dropStill();
        this.#onFirstFrame(ms);
      },
    });
    this.#archive = archive;
    archive.rate = this.#rate;
    if (this.#pausedArchive) archive.pause();
    if (this.#target !== null) archive.seek(this.#target);
    const tick = (): void => {
      this.#tellTime();
      this.#frame = requestAnimationFrame(tick);
    };
    tick();
  }

  #onFirstFrame(ms: number): void {
    this.#firstFrameMs = ms;
    this.#pictureAt = Math.min(this.#pictureAt, performance.now());
    this.#send('firstframe', { ms });
  }

  #tell(state: PlayerState): void {
    const keys = Object.keys(state) as (keyof PlayerState)[];
    if (keys.every((key) => state[key] === this.#state[key])) return;
    this.#state = state;
    this.#send('state', state);
  }

  #tellTime(): void {
    const time = this.currentTime;
    if (time === this.#told || Number.isNaN(time)) return;
    this.#told = time;
    this.#send('time', { time });
  }

  #send(type: keyof PlayerEvents, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #onPulse(): void {
    const now = performance.now();
    const quality = this.#stage.video.getVideoPlaybackQuality();
    if (this.#baseline === null && now - this.#pictureAt > PULSE) this.#baseline = quality;
    const frames = quality.totalVideoFrames;
    const since = (now - this.#counted.at) / 1000;
    this.#fps = Math.max(0, (frames - this.#counted.frames) / since);
    this.#counted = { frames, at: now };
    this.#pulses += 1;
    const live = this.#live;
    const isDebug = this.hasAttribute('debug') || new URLSearchParams(location.search).has('debug');
    if (live !== null && (isDebug || this.#pulses % LATENCY_EVERY === 1)) void this.#measure(live);
    if (live !== null) this.#tellTime();
    this.#stage.figures = isDebug ? this.#figures() : null;
  }

  async #measure(live: LivePlayer): Promise<void> {
    const latency = await live.latencyMs();
    if (this.#live === live) this.#latencyMs = latency;
  }

  #figures(): string {
    const { path, firstFrameMs, decoded, dropped, latencyMs, fps } = this.stats;
    const { phase, why, pathWhy } = this.#state;
    const ms = (value: number | null): string => (value === null ? '–' : `${Math.round(value)} ms`);
    return [
      `${path} ${pathWhy} · ${phase} ${why}`,
      `first ${ms(firstFrameMs)} · latency ${ms(latencyMs)}`,
      `${fps.toFixed(1)} fps · ${decoded} shown · ${dropped} dropped`,
    ].join('\n');
  }
}

customElements.define('vms-player', VmsPlayer);

declare global {
  interface HTMLElementTagNameMap {
    'vms-player': VmsPlayer;
  }
}
