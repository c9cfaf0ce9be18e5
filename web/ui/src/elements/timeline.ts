// `<vms-timeline camera="gate-north">`: the past on one line, from a second to a month.
//
// Properties: `camera`, or `lanes` [{camera, label}] for several; `stream`; `zone` (IANA name),
// `lang`, `labels` (words and causes); `playhead` (ms or null); `marks` {in, out} (ms or null);
// `spot` {start, end}, a span to point out, or null;
// `view` {start, end}; `follow` (turn the page when a running playhead leaves it). Methods: `zoom`,
// `pan`, `goNow`, `show`, `reload`, `nextGap`, `previousGap`. Events, none bubbling: `seek` {time, scrubbing}, `view` {start, end}.
// Keys while focused: + − arrows PageUp PageDown Home End. Times are ms since 1970.

import { isCalm } from '../lib/gaps';
import { isMarked, NO_MARKS, type Marks } from '../lib/marks';
import { fetchTimeline, type Gap, type Happening, type HeldSpan, type Span, type StreamName, type Timeline } from '../lib/media/server';
import { DAY, formatDateTime, formatSpan, HOUR, MINUTE, SECOND, type ClockPrecision, type Lang } from '../lib/time';
import { mergedEvents, mergedGaps, mergedHolds, momentAt } from './timeline/content';
import { Coverage } from './timeline/coverage';
import { draw } from './timeline/draw';
import { listenTo, type GestureTarget } from './timeline/gestures';
import { frameOf, paletteOf, type Frame } from './timeline/frame';
import { DEFAULT_LABELS, type TimelineLabels } from './timeline/labels';
import { layoutOf, type LaneContent, type Layout, type Palette } from './timeline/scene';
import { ticksOf } from './timeline/ticks';
import { around, bounded, following, panned, pinched, spanOf, toTime, toX, zoomed, type View } from './timeline/view';

export type { TimelineLabels } from './timeline/labels';
export type { View } from './timeline/view';

export interface Lane {
  readonly camera: string;
  readonly label: string;
}

export interface TimelineEvents {
  seek: CustomEvent<{ time: number; scrubbing: boolean }>;
  view: CustomEvent<View>;
}

interface LaneState {
  readonly lane: Lane;
  readonly coverage: Coverage;
  timelines: readonly Timeline[];
  gaps: readonly Gap[];
  holds: readonly HeldSpan[];
  events: readonly Happening[];
}

/** Between cursor and tip, in pixels. */
const TIP_ASIDE = 10;

/** A line of the tip and what it is about: its class. */
type TipLine = readonly ['time' | 'gap' | 'event' | 'hold' | 'more', string];

const TICK_ROOM = 96;
const GRAB = 8;
const KEY_ZOOM = 1.6;
const REACHES = [HOUR, DAY, 31 * DAY] as const;
const REDRAW_MIN = 100;
// Of several holds over one moment so many are named under the pointer.
const HOLDS_SAID = 2;
const EVENTS_SAID = 4;

export class VmsTimeline extends HTMLElement {
  static readonly observedAttributes = ['camera', 'stream', 'zone', 'lang'];

  readonly #frame: Frame;
  #lanes: LaneState[] = [];
  #given: readonly Lane[] | null = null;
  #view: View = around(Date.now(), 0.85, 2 * HOUR);
  #playhead: number | null = null;
  #marks: Marks = NO_MARKS;
  #spot: Span | null = null;
  #labels: Partial<TimelineLabels> = {};
  #follow = true;
  #selected = '';
  #layout: Layout = layoutOf(1, 1, false, 1);
  #palette: Palette | null = null;
  #listening: AbortController | null = null;
  #drawing = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hover: { x: number; y: number } | null = null;
  #pinch: readonly [number, number] = [0, 0];
  #ratio = 1;

  constructor() {
    super();
    this.#frame = frameOf(this.attachShadow({ mode: 'open' }));
  }

  connectedCallback(): void {
    const listening = new AbortController();
    this.#listening = listening;
    const { signal } = listening;
    if (!this.hasAttribute('tabindex')) this.tabIndex = 0;
    if (!this.hasAttribute('role')) this.setAttribute('role', 'group');
    listenTo(this.#frame.canvas, this.#gestures(), signal);
    this.addEventListener('keydown', (event) => this.#onKey(event), { signal });
    document.addEventListener('visibilitychange', () => this.#drawSoon(), { signal });
    matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => this.restyle(), { signal });
    const sizes = new ResizeObserver(() => this.#resize());
    sizes.observe(this);
    signal.addEventListener('abort', () => sizes.disconnect());
    this.#openLanes();
    this.#resize();
  }

  disconnectedCallback(): void {
    this.#listening?.abort();
    this.#listening = null;
    cancelAnimationFrame(this.#drawing);
    this.#drawing = 0;
    clearTimeout(this.#timer);
    this.#closeLanes();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after || !this.isConnected) return;
    if (name === 'camera' || name === 'stream') this.#openLanes();
    this.#drawSoon();
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

  /** The site's zone. */
  get zone(): string {
    return this.getAttribute('zone') ?? 'UTC';
  }

  set zone(zone: string) {
    this.setAttribute('zone', zone);
  }

  override get lang(): string {
    return this.getAttribute('lang') ?? document.documentElement.lang;
  }

  override set lang(lang: string) {
    this.setAttribute('lang', lang);
  }

  /** Words for what the timeline says; what is missing is said in Turkish or English by `lang`. */
  set labels(labels: Partial<TimelineLabels>) {
    this.#labels = labels;
    this.#drawSoon();
  }

  get labels(): TimelineLabels {
    return { ...DEFAULT_LABELS[this.#lang], ...this.#labels };
  }

  /** Several cameras below each other; null: the one of `camera`. */
  set lanes(lanes: readonly Lane[] | null) {
    this.#given = lanes;
    if (!this.isConnected) return;
    this.#openLanes();
    this.#resize();
  }

  get lanes(): readonly Lane[] {
    return this.#given ?? [{ camera: this.camera, label: '' }];
  }

  /** Which lane's camera is shown stronger. */
  set selected(camera: string) {
    this.#selected = camera;
    this.#drawSoon();
  }

  get selected(): string {
    return this.#selected;
  }

  get view(): View {
    return this.#view;
  }

  set view(view: View) {
    this.#move(view);
  }

  get playhead(): number | null {
    return this.#playhead;
  }

  set playhead(at: number | null) {
    const before = this.#playhead;
    this.#playhead = at === null || Number.isNaN(at) ? null : at;
    // Only a playhead that was on screen takes the view along: who looked elsewhere stays there.
    if (this.#follow && before !== null && this.#playhead !== null && this.#isShown(before)) {
      const view = following(this.#view, this.#playhead);
      if (view !== this.#view) this.#move(view);
    }
    this.#placePlayhead();
  }

  /** The In and Out marks. */
  set marks(marks: Marks) {
    this.#marks = marks;
    this.#drawSoon();
  }

  get marks(): Marks {
    return this.#marks;
  }

  /** A span to point out: brackets over all lanes. */
  set spot(spot: Span | null) {
    this.#spot = spot;
    this.#drawSoon();
  }

  get spot(): Span | null {
    return this.#spot;
  }

  get follow(): boolean {
    return this.#follow;
  }

  set follow(follow: boolean) {
    this.#follow = follow;
  }

  /** Brings a moment into view, keeping the zoom; moves only as needed. */
  show(at: number): void {
    if (!this.#isShown(at)) this.#move(around(at, 0.5, spanOf(this.#view)));
  }

  /** Asks anew for what it shows, after something was put on the line; shows what it has till then. */
  reload(): void {
    for (const { coverage } of this.#lanes) coverage.expire();
    this.#drawSoon();
  }

  /** The present at the right edge, with some room for it to grow. */
  goNow(): void {
    this.#move(around(Date.now(), 0.9, spanOf(this.#view)));
  }

  /** Shows `factor` times as much, around `at` (else the playhead, else the middle). */
  zoom(factor: number, at: number | null = null): void {
    const { start, end } = this.#view;
    const playhead = this.#playhead !== null && this.#isShown(this.#playhead) ? this.#playhead : null;
    this.#move(zoomed(this.#view, factor, at ?? playhead ?? (start + end) / 2));
  }

  /** Moves by a part of what is shown; negative is earlier. */
  pan(fraction: number): void {
    this.#move(panned(this.#view, fraction * spanOf(this.#view)));
  }

  /** The first gap that begins after `at`, or null. */
  async nextGap(at: number): Promise<Gap | null> {
    for (const reach of REACHES) {
      const end = Math.min(at + reach, Date.now());
      const gap = (await this.#gapsIn(at, end)).find((one) => one.start > at + 1);
      if (gap !== undefined || end >= Date.now() - SECOND) return gap ?? null;
    }
    return null;
  }

  /** The last gap that ended before `at`, or null. */
  async previousGap(at: number): Promise<Gap | null> {
    for (const reach of REACHES) {
      const gap = (await this.#gapsIn(at - reach, at)).findLast((one) => one.end < at - 1);
      if (gap !== undefined) return gap;
    }
    return null;
  }

  /** After the page changed its colours. */
  restyle(): void {
    this.#palette = null;
    this.#drawSoon();
  }

  get #lang(): Lang {
    return this.lang.toLowerCase().startsWith('en') ? 'en' : 'tr';
  }

  async #gapsIn(start: number, end: number): Promise<Gap[]> {
    const camera = this.#selected || this.lanes[0]?.camera;
    const { signal } = this.#listening ?? new AbortController();
    if (camera === undefined || end <= start) return [];
    return mergedGaps([await fetchTimeline(camera, this.stream, start, end, 4000, signal)], 0);
  }

  #openLanes(): void {
    this.#closeLanes();
    this.#lanes = this.lanes
      .filter((lane) => lane.camera !== '')
      .map((lane) => ({
        lane,
        coverage: new Coverage(
          (start, end, width, signal) => fetchTimeline(lane.camera, this.stream, start, end, width, signal),
          () => this.#drawSoon(),
        ),
        timelines: [],
        gaps: [],
        holds: [],
        events: [],
      }));
    this.#drawSoon();
  }

  #closeLanes(): void {
    for (const { coverage } of this.#lanes) coverage.close();
    this.#lanes = [];
  }

  #isShown(at: number): boolean {
    return at >= this.#view.start && at <= this.#view.end;
  }

  #move(view: View): void {
    const oldest = this.#lanes.map(({ coverage }) => coverage.oldest).filter((at) => at !== null);
    const next = bounded(view, Date.now(), oldest.length > 0 ? Math.min(...oldest) : null);
    if (next.start === this.#view.start && next.end === this.#view.end) return;
    this.#view = next;
    this.#drawSoon();
    this.#placePlayhead();
    this.#showHover();
    this.dispatchEvent(new CustomEvent<View>('view', { detail: next }));
  }

  #resize(): void {
    const { width, height } = this.getBoundingClientRect();
    const hasNames = this.lanes.some((lane) => lane.label !== '');
    this.#layout = layoutOf(width, height, hasNames, this.lanes.length);
    this.#drawSoon();
    this.#placePlayhead();
  }

  #drawSoon(): void {
    if (this.#drawing !== 0 || this.#listening === null) return;
    this.#drawing = requestAnimationFrame(() => {
      this.#drawing = 0;
      this.#draw();
    });
  }

  #sizeCanvas(): void {
    const { canvas } = this.#frame;
    this.#ratio = Math.min(3, window.devicePixelRatio);
    const width = Math.round((this.#layout.left + this.#layout.width) * this.#ratio);
    const height = Math.round(this.#layout.height * this.#ratio);
    // Setting a size empties the canvas, even to the same size.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
  }

  #draw(): void {
    this.#sizeCanvas();
    const context = this.#frame.canvas.getContext('2d');
    if (context === null) return;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    this.#palette ??= paletteOf(this);
    const now = Date.now();
    const scene = {
      view: this.#view,
      now,
      zone: this.zone,
      lang: this.#lang,
      ticks: ticksOf(this.#view, this.#layout.width, this.zone, this.#lang, TICK_ROOM),
      lanes: this.#lanes.map((state) => this.#content(state)),
      layout: this.#layout,
      causes: this.labels.causes,
      nowWord: this.labels.now,
      holdWord: this.labels.hold,
      marks: this.#marks,
      spot: this.#spot,
    };
    draw(context, scene, this.#palette);
    this.#describe();
    this.#showHover();
    this.#lookAgain(now);
  }

  #content(state: LaneState): LaneContent {
    const { coverage, lane } = state;
    state.timelines = coverage.show(this.#view, this.#layout.width);
    state.gaps = mergedGaps(state.timelines, this.#perPixel);
    state.holds = mergedHolds(state.timelines);
    state.events = mergedEvents(state.timelines);
    const failure = coverage.failure === '' || state.timelines.length > 0 ? '' : this.labels.failed;
    const isSelected = this.#lanes.length === 1 || lane.camera === this.#selected;
    const { timelines, gaps, holds, events } = state;
    return { label: lane.label, isSelected, timelines, gaps, holds, events, failure };
  }

  get #perPixel(): number {
    return spanOf(this.#view) / this.#layout.width;
  }

  /** Draws again when the present has moved a pixel or an answer is due; not while hidden. */
  #lookAgain(now: number): void {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    const waits = this.#lanes
      .map(({ coverage }) => coverage.nextLook(this.#view, this.#layout.width))
      .filter((wait) => wait !== null);
    if (this.#isShown(now)) waits.push(Math.max(REDRAW_MIN, this.#perPixel));
    if (waits.length === 0) return;
    this.#timer = setTimeout(() => this.#drawSoon(), Math.min(...waits));
  }

  /** For screen readers: what the line covers and where the playhead is. */
  #describe(): void {
    const words = [this.labels.timeline, `${this.#say(this.#view.start)} – ${this.#say(this.#view.end)}`];
    if (isMarked(this.#marks)) {
      const { markIn, markOut } = this.labels;
      const said = (at: number | null): string => (at === null ? '–' : this.#say(at));
      words.push(`${markIn} ${said(this.#marks.in)}`, `${markOut} ${said(this.#marks.out)}`);
    }
    const label = words.join(', ');
    if (this.getAttribute('aria-label') !== label) this.setAttribute('aria-label', label);
  }

  get #precision(): ClockPrecision {
    if (this.#perPixel < 100) return 'ms';
    return this.#perPixel < 10 * MINUTE ? 'second' : 'minute';
  }

  #say(at: number): string {
    return formatDateTime(at, this.zone, this.#lang, this.#precision);
  }

  #placePlayhead(): void {
    const { playhead } = this.#frame;
    const at = this.#playhead;
    playhead.hidden = at === null || !this.#isShown(at);
    if (at === null || playhead.hidden) return;
    // To the half pixel: smooth enough, and no style change while nothing is seen to move.
    const x = Math.round(2 * (this.#layout.left + toX(this.#view, this.#layout.width, at))) / 2;
    const transform = `translateX(${x}px)`;
    if (playhead.style.transform !== transform) playhead.style.transform = transform;
  }

  #timeAt(x: number): number {
    return toTime(this.#view, this.#layout.width, x - this.#layout.left);
  }

  #gestures(): GestureTarget {
    const left = (): number => this.#layout.left;
    const width = (): number => this.#layout.width;
    return {
      zoom: (factor, x) => this.#move(zoomed(this.#view, factor, this.#timeAt(x))),
      pan: (dx) => this.#move(panned(this.#view, -dx * this.#perPixel)),
      pinchStart: (x1, x2) => {
        this.#pinch = [this.#timeAt(Math.min(x1, x2)), this.#timeAt(Math.max(x1, x2))];
      },
      pinch: (x1, x2) => {
        const [near, far] = [Math.min(x1, x2) - left(), Math.max(x1, x2) - left()];
        const view = pinched(width(), near, far, ...this.#pinch);
        if (view !== null) this.#move(view);
      },
      pick: (x, isDone) => this.#pick(x, isDone),
      hover: (at) => {
        this.#hover = at;
        this.#showHover();
      },
      grabsPlayhead: (x) => {
        if (this.#playhead === null || !this.#isShown(this.#playhead)) return false;
        return Math.abs(x - left() - toX(this.#view, width(), this.#playhead)) <= GRAB;
      },
    };
  }

  #pick(x: number, isDone: boolean): void {
    const time = Math.min(this.#timeAt(x), Date.now());
    this.#playhead = time;
    this.#placePlayhead();
    const detail = { time, scrubbing: !isDone };
    this.dispatchEvent(new CustomEvent('seek', { detail }));
  }

  #showHover(): void {
    const { tip, cursor } = this.#frame;
    const at = this.#hover;
    const isOver = at !== null && at.x >= this.#layout.left;
    tip.hidden = !isOver;
    cursor.hidden = !isOver;
    if (!isOver) return;
    const moment = this.#timeAt(at.x);
    const words = this.#wordsAt(moment, at.y);
    tip.replaceChildren(
      ...words.map(([className, textContent]) =>
        Object.assign(document.createElement('div'), { className, textContent }),
      ),
    );
    cursor.style.transform = `translateX(${at.x}px)`;
    // Beside the cursor and growing upwards: above it, it would hide the time of the picture.
    const end = this.#layout.left + this.#layout.width - 4;
    const left = at.x + TIP_ASIDE + tip.offsetWidth <= end ? at.x + TIP_ASIDE : at.x - TIP_ASIDE - tip.offsetWidth;
    tip.style.transform = `translateX(${Math.max(4, left)}px)`;
  }

  #wordsAt(moment: number, y: number): TipLine[] {
    const index = Math.max(0, Math.floor((y - this.#layout.axis) / this.#layout.lane));
    const state = this.#lanes[Math.min(index, this.#lanes.length - 1)];
    const time: TipLine = ['time', this.#say(moment)];
    if (state === undefined) return [time];
    const holds = [...this.#eventWords(state, moment), ...this.#holdWords(state, moment)];
    if (moment > Date.now()) return [time, ...holds];
    const known = momentAt(state.timelines, state.gaps, moment, this.#perPixel * 2);
    if (known.kind === 'nothing') return [time, ['gap', this.labels.nothing], ...holds];
    if (known.kind !== 'gap') return [time, ...holds];
    return [time, ...this.#gapWords(known.gap), ...holds];
  }

  #gapWords(gap: Gap): TipLine[] {
    const cause = this.labels.causes[gap.cause] ?? gap.cause.replaceAll('_', ' ');
    const length = formatSpan(gap.end - gap.start, this.#lang);
    const span: TipLine = ['more', `${this.#say(gap.start)} – ${this.#say(gap.end)}`];
    if (!isCalm(gap)) return [['gap', `${this.labels.gap}: ${cause} · ${length}`], span];
    const why: TipLine[] = gap.detail === '' ? [] : [['more', gap.detail]];
    return [['more', `${cause} · ${length}`], span, ...why];
  }

  #eventWords(state: LaneState, moment: number): TipLine[] {
    const slack = this.#perPixel * 4;
    const found = state.events.filter((event) => event.start - slack <= moment && moment < event.end + slack);
    return found.slice(0, EVENTS_SAID).map((event): TipLine => {
      const kind = this.labels.events[event.kind] ?? event.kind.replaceAll('_', ' ');
      const ours = event.kind === 'sick' || event.kind === 'well';
      const detail = (ours ? this.labels.checks[event.detail] : undefined) ?? event.detail;
      const what = detail === '' ? kind : `${kind}: ${detail}`;
      return ['event', `${what} · ${this.#say(event.start)}`];
    });
  }

  #holdWords(state: LaneState, moment: number): TipLine[] {
    const slack = this.#perPixel * 4;
    const found = state.holds.filter((hold) => hold.start - slack <= moment && moment < hold.end + slack);
    return found.slice(0, HOLDS_SAID).flatMap((hold): TipLine[] => {
      const { labels } = this;
      const until = hold.until === null ? labels.holdOpen : labels.holdUntil.replace('{time}', formatDateTime(hold.until, this.zone, this.#lang, 'minute'));
      return [
        ['hold', `${labels.hold}: ${hold.reason}`],
        ['more', `${this.#say(hold.start)} – ${this.#say(hold.end)} · ${until}`],
      ];
    });
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const far = event.shiftKey ? 0.5 : 0.1;
    const oldest = this.#lanes[0]?.coverage.oldest ?? null;
    const acts: Record<string, () => void> = {
      '+': () => this.zoom(1 / KEY_ZOOM),
      '=': () => this.zoom(1 / KEY_ZOOM),
      '-': () => this.zoom(KEY_ZOOM),
      ArrowLeft: () => this.pan(-far),
      ArrowRight: () => this.pan(far),
      PageUp: () => this.pan(-0.9),
      PageDown: () => this.pan(0.9),
      Home: () => (oldest === null ? undefined : this.#move(around(oldest, 0.1, spanOf(this.#view)))),
      End: () => this.goNow(),
    };
    const act = acts[event.key];
    if (act === undefined) return;
    // The page has meanings of its own for these keys; here they mean the timeline.
    event.preventDefault();
    event.stopPropagation();
    act();
  }
}

customElements.define('vms-timeline', VmsTimeline);

declare global {
  interface HTMLElementTagNameMap {
    'vms-timeline': VmsTimeline;
  }
}
