// `<vms-ptz camera="gate-north">`: lies over a picture and steers its camera, while it is there.
//
// Drag turns, a click brings the point into the middle, the wheel zooms; with the focus on it arrows
// turn (Shift: fast), + and − or Page Up and Page Down zoom, Home goes home, digits go to presets, Esc
// leaves; a gamepad steers the one that was touched last. It stops when nothing is held any more, when
// it loses the focus, when the gamepad is unplugged, and when the tab is hidden or left. What was
// refused while it was held must be let go and taken up again. Property `aspect`: of the picture under it. Where the site wants to
// know what for, what `take` was told is said again when the lease has run out meanwhile. Events, none
// bubbling: `state` (PtzState), `preset` {index}, `leave`. It has no words of its own: pages say who
// steers.

import { Driver } from '../lib/ptz/driver';
import { PtzProblem, PtzServer, type Lease, type PtzFacts } from '../lib/ptz/server';
import { isSteeringKey, isStill, pictureShare, speedOfDrag, speedOfKeys, speedOfPads, STILL, type Speed } from '../lib/ptz/speed';

/** How it is. `facts`: null until the camera answered; `problem`: why the last thing failed. */
export interface PtzState {
  readonly facts: PtzFacts | null;
  readonly lease: Lease | null;
  readonly problem: PtzProblem | null;
}

export interface PtzEvents {
  state: CustomEvent<PtzState>;
  preset: CustomEvent<{ index: number }>;
  leave: CustomEvent<null>;
}

const DRAG_FROM_PX = 6;
const WHEEL_LASTS_MS = 250;
const LOOK_EVERY_MS = 3_000;

const SHEET = `
:host { display: block; position: absolute; inset: 0; cursor: crosshair; touch-action: none; outline: none;
  user-select: none; }
:host(:focus-visible) { box-shadow: inset 0 0 0 2px var(--accent, #46b8c8); }
:host([data-held]) { cursor: not-allowed; }
svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
svg[hidden] { display: none; }
.base { fill: #05070a66; stroke: #ffffff80; stroke-width: 1.5; }
.knob { fill: #46b8c8d0; stroke: #f4f8fb; stroke-width: 1.5; }
.line { stroke: #46b8c8; stroke-width: 2; }
.mark { fill: none; stroke: #f4f8fb; stroke-width: 2; }
`;
const SVG = 'http://www.w3.org/2000/svg';

/** Keys that do one thing when they are pressed, however long. */
function isOwn(key: string): boolean {
  return isSteeringKey(key) || key === 'Home' || /^[1-9]$/.test(key);
}

let sheet: CSSStyleSheet | null = null;
function sharedSheet(): CSSStyleSheet {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
  }
  return sheet;
}

/** The joystick as it is drawn under a dragging pointer. */
class Stick {
  readonly #svg = document.createElementNS(SVG, 'svg');
  readonly #base = document.createElementNS(SVG, 'circle');
  readonly #line = document.createElementNS(SVG, 'line');
  readonly #knob = document.createElementNS(SVG, 'circle');

  constructor(root: ShadowRoot) {
    this.#base.classList.add('base');
    this.#line.classList.add('line');
    this.#knob.classList.add('knob');
    this.#base.setAttribute('r', '26');
    this.#knob.setAttribute('r', '11');
    this.#svg.append(this.#base, this.#line, this.#knob);
    root.append(this.#svg);
    this.hide();
  }

  show(x: number, y: number, toX: number, toY: number): void {
    for (const [one, names] of [
      [this.#base, { cx: x, cy: y }],
      [this.#line, { x1: x, y1: y, x2: toX, y2: toY }],
      [this.#knob, { cx: toX, cy: toY }],
    ] as const) {
      for (const [name, value] of Object.entries(names)) one.setAttribute(name, String(value));
    }
    this.#svg.removeAttribute('hidden');
  }

  hide(): void {
    this.#svg.setAttribute('hidden', '');
  }
}

export class VmsPtz extends HTMLElement {
  static readonly observedAttributes = ['camera'];
  /** A gamepad steers one camera: the one that was touched last. */
  static #touched: VmsPtz | null = null;

  /** Width by height of the picture under it. */
  aspect = 16 / 9;

  readonly #stick: Stick;
  /** What the camera is steered for, as long as this is open; empty until it was said. */
  #purpose = '';
  #server: PtzServer | null = null;
  #driver: Driver | null = null;
  #facts: PtzFacts | null = null;
  #lease: Lease | null = null;
  #problem: PtzProblem | null = null;
  /** Whether this window commanded it: then it lets go when it is closed. */
  #commanded = false;
  /** What is held, by the place of the key: Shift makes another letter of it meanwhile. */
  readonly #keys = new Map<string, string>();
  #fast = false;
  #from: { readonly id: number; readonly x: number; readonly y: number; dragged: boolean } | null = null;
  #padHeld = false;
  /** What the gamepad holds was refused: it counts again once it was let go. */
  #padRefused = false;
  #wheelEnds: ReturnType<typeof setTimeout> | undefined;
  #looks: ReturnType<typeof setTimeout> | undefined;
  #frame = 0;
  #leaving: AbortController | null = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sharedSheet()];
    this.#stick = new Stick(root);
  }

  connectedCallback(): void {
    this.tabIndex = 0;
    this.setAttribute('role', 'application');
    this.#leaving = new AbortController();
    this.#listen(this.#leaving.signal);
    this.#open();
  }

  disconnectedCallback(): void {
    this.#leaving?.abort();
    this.#close();
    if (VmsPtz.#touched === this) VmsPtz.#touched = null;
  }

  attributeChangedCallback(_name: string, before: string | null, after: string | null): void {
    if (before === after || !this.isConnected) return;
    this.#close();
    this.#open();
  }

  get state(): PtzState {
    return { facts: this.#facts, lease: this.#lease, problem: this.#problem };
  }

  /** Turn like this until `release`; for buttons of the page. */
  hold(speed: Speed): void {
    this.#touch();
    this.#driver?.hold(speed);
  }

  release(): void {
    this.#keys.clear();
    this.#padHeld = false;
    clearTimeout(this.#wheelEnds);
    this.#driver?.release();
  }

  /** Steer from now on, for a purpose (empty: none is given); how it went is told by `state`. */
  take(purpose: string, takeOver: boolean): Promise<boolean> {
    this.#purpose = purpose;
    return this.#try((server) => server.take(purpose === '' ? null : purpose, takeOver));
  }

  /** Do something with the camera's server; how it went is told by `state`. */
  do(what: (server: PtzServer) => Promise<unknown>): Promise<boolean> {
    return this.#try((server) => this.#stating(server, () => what(server)));
  }

  /** Where the site wants to know what for, it is told again when the lease has run out. */
  async #stating(server: PtzServer, what: () => Promise<unknown>): Promise<void> {
    const said = this.#facts?.purpose_required === true && this.#purpose !== '';
    const again = async (): Promise<void> => {
      this.#lease = await server.take(this.#purpose, false);
    };
    if (said && this.#lease === null) await again();
    try {
      await what();
    } catch (error) {
      if (!said || !(error instanceof PtzProblem) || error.code !== 'purpose_required') throw error;
      await again(); // it ran out since it was last looked at
      await what();
    }
  }

  async #try(what: (server: PtzServer) => Promise<unknown>): Promise<boolean> {
    const server = this.#server;
    if (server === null) return false;
    this.#touch();
    this.#commanded = true;
    try {
      await what(server);
      this.#failed(null);
      return true;
    } catch (error) {
      if (!(error instanceof PtzProblem)) throw error;
      this.#failed(error);
      return false;
    } finally {
      if (server === this.#server) void this.#look();
    }
  }

  /** Ask again what the camera can and who steers. */
  async refresh(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    try {
      const facts = await server.facts();
      if (server !== this.#server) return;
      this.#facts = facts;
      this.#lease = facts.lease;
      if (facts.lease?.mine === true) this.#purpose = facts.lease.purpose;
      this.#failed(null);
    } catch (error) {
      if (!(error instanceof PtzProblem)) throw error;
      if (server === this.#server) this.#failed(error);
    }
  }

  // -- beginning and end

  #open(): void {
    const camera = this.getAttribute('camera') ?? '';
    if (camera === '') return;
    const server = new PtzServer(camera);
    this.#server = server;
    /** Whether it may have been done. */
    const tell = async (what: () => Promise<void>): Promise<boolean> => {
      try {
        await what();
        if (server !== this.#server) return true;
        if (this.#problem !== null) this.#failed(null);
        if (this.#lease?.mine !== true) void this.#look();
        return true;
      } catch (error) {
        if (!(error instanceof PtzProblem)) throw error;
        if (server !== this.#server || error.code === 'refused') return true; // a newer move came first
        this.#refused(error);
        void this.#look();
        return false;
      }
    };
    this.#driver = new Driver({
      move: (speed) => {
        this.#commanded = true;
        return tell(() => this.#stating(server, () => server.move(speed)));
      },
      stop: async () => {
        await tell(() => server.stop());
      },
    });
    void this.refresh();
    this.#lookSoon(server);
    this.#touch();
  }

  /** A command was not carried out, or nobody knows: what is held counts no more. */
  #refused(problem: PtzProblem): void {
    this.#padRefused = this.#padHeld;
    if (problem.status === 0 || problem.status >= 500) this.#dropped();
    else this.#forget();
    this.#failed(problem);
  }

  #close(): void {
    const server = this.#server;
    const holds = this.#commanded || this.#lease?.mine === true;
    clearTimeout(this.#looks);
    cancelAnimationFrame(this.#frame);
    this.#forget();
    // After the last stop: a command that comes later would take the camera once more.
    void this.#driver?.end().then(() => (holds ? server?.letGo().catch(() => undefined) : undefined));
    this.#commanded = this.#padRefused = false;
    this.#server = this.#driver = this.#facts = this.#lease = this.#problem = null;
    this.#purpose = '';
  }

  /** Once it was answered: a camera that does not answer is asked one thing at a time. */
  #lookSoon(server: PtzServer): void {
    clearTimeout(this.#looks);
    this.#looks = setTimeout(() => {
      const looked = document.visibilityState === 'visible' ? this.#look() : Promise.resolve();
      void looked.finally(() => server === this.#server && this.#lookSoon(server));
    }, LOOK_EVERY_MS);
  }

  async #look(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    if (this.#facts === null) {
      await this.refresh();
      return;
    }
    try {
      const lease = await server.lease();
      if (server !== this.#server) return;
      this.#lease = lease;
      if (lease?.mine === true) this.#purpose = lease.purpose;
      const why = this.#problem?.code;
      // That it was answered says that the server is there again, and lets us.
      if ([0, 401, 403].includes(this.#problem?.status ?? -1)) this.#problem = null;
      if (why === 'steered' && (lease === null || lease.mine)) this.#problem = null;
      if (why === 'purpose_required' && lease?.mine === true) this.#problem = null;
      this.#tell();
    } catch (error) {
      if (!(error instanceof PtzProblem)) throw error;
      if (server === this.#server) this.#failed(error);
    }
  }

  #failed(problem: PtzProblem | null): void {
    this.#problem = problem;
    if ([401, 403, 404].includes(problem?.status ?? -1)) this.#lease = null; // it is theirs no more
    this.#tell();
  }

  #tell(): void {
    this.toggleAttribute('data-held', this.#lease !== null && !this.#lease.mine);
    this.dispatchEvent(new CustomEvent('state', { detail: this.state }));
  }

  // -- hands

  #listen(signal: AbortSignal): void {
    this.addEventListener('pointerdown', (event) => this.#pressed(event), { signal });
    this.addEventListener('pointermove', (event) => this.#dragged(event), { signal });
    this.addEventListener('pointerup', (event) => this.#lifted(event), { signal });
    this.addEventListener('pointercancel', (event) => this.#pulled(event), { signal });
    this.addEventListener('lostpointercapture', (event) => this.#pulled(event), { signal });
    this.addEventListener('dblclick', (event) => event.stopPropagation(), { signal });
    this.addEventListener('click', (event) => event.stopPropagation(), { signal });
    this.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
    this.addEventListener('wheel', (event) => this.#wheeled(event), { signal, passive: false });
    this.addEventListener('keydown', (event) => this.#keyDown(event), { signal });
    this.addEventListener('keyup', (event) => this.#keyUp(event), { signal });
    this.addEventListener('blur', () => this.#dropped(), { signal });
    window.addEventListener('blur', () => this.#dropped(), { signal });
    window.addEventListener('pagehide', () => this.#dropped(), { signal });
    window.addEventListener('gamepadconnected', () => this.#watchPad(), { signal });
    document.addEventListener(
      'visibilitychange',
      () => document.visibilityState === 'hidden' && this.#dropped(),
      { signal },
    );
    this.#watchPad();
  }

  #touch(): void {
    VmsPtz.#touched = this;
  }

  #dropped(): void {
    this.#forget();
    this.release();
  }

  /** Nothing is held any more; the camera is told nothing. */
  #forget(): void {
    this.#keys.clear();
    this.#padHeld = false;
    clearTimeout(this.#wheelEnds);
    this.#from = null;
    this.#stick.hide();
  }

  #pulled(event: PointerEvent): void {
    if (this.#from?.id === event.pointerId) this.#dropped();
  }

  #pressed(event: PointerEvent): void {
    if (event.button !== 0 || this.#from !== null) return; // a second finger is no other drag
    this.focus();
    this.#touch();
    this.setPointerCapture(event.pointerId);
    this.#from = { id: event.pointerId, x: event.offsetX, y: event.offsetY, dragged: false };
  }

  #dragged(event: PointerEvent): void {
    if (this.#from?.id !== event.pointerId) return;
    const right = event.offsetX - this.#from.x;
    const down = event.offsetY - this.#from.y;
    if (!this.#from.dragged && Math.hypot(right, down) < DRAG_FROM_PX) return;
    this.#from.dragged = true;
    this.#stick.show(this.#from.x, this.#from.y, event.offsetX, event.offsetY);
    this.#driver?.hold(speedOfDrag(right, down, this.clientHeight));
  }

  #lifted(event: PointerEvent): void {
    const from = this.#from;
    if (from?.id !== event.pointerId) return;
    this.#dropped();
    if (from.dragged || this.#facts?.can.centre !== true) return;
    const box = { width: this.clientWidth, height: this.clientHeight };
    const point = pictureShare(event.offsetX, event.offsetY, box, this.aspect);
    if (point !== null) void this.do((server) => server.centre(point.x, point.y));
  }

  #wheeled(event: WheelEvent): void {
    event.preventDefault();
    if (event.deltaY === 0) return;
    this.#touch();
    this.#driver?.hold({ ...STILL, zoom: event.deltaY < 0 ? 0.7 : -0.7 });
    clearTimeout(this.#wheelEnds);
    this.#wheelEnds = setTimeout(() => this.#keyed(), WHEEL_LASTS_MS);
  }

  #keyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const preset = /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : null;
    const place = event.code || event.key;
    this.#fast = event.shiftKey;
    if (event.key === 'Shift' && this.#keys.size > 0) this.#keyed();
    else if (event.repeat && (this.#keys.has(place) || isOwn(event.key))) {
      // Held: it was told, or it was refused.
    } else if (isSteeringKey(event.key)) {
      this.#keys.set(place, event.key);
      this.#touch();
      this.#keyed();
    } else if (event.key === 'Home') void this.do((server) => server.home());
    else if (event.key === 'Escape') this.dispatchEvent(new CustomEvent('leave', { detail: null }));
    else if (preset !== null) this.dispatchEvent(new CustomEvent('preset', { detail: { index: preset } }));
    else return;
    // The timeline and the wall have these keys too: while it has the focus they are its own.
    event.preventDefault();
    event.stopPropagation();
  }

  #keyUp(event: KeyboardEvent): void {
    if (!this.#keys.delete(event.code || event.key) && !(event.key === 'Shift' && this.#keys.size > 0)) return;
    this.#fast = event.shiftKey;
    this.#keyed();
  }

  /** As the keys that are held say; without one it stops. */
  #keyed(): void {
    this.#driver?.hold(speedOfKeys(this.#keys.values(), this.#fast));
  }

  #watchPad(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      const speed = speedOfPads(navigator.getGamepads());
      const mine = VmsPtz.#touched === this && document.hasFocus();
      this.#padded(mine && speed !== null ? speed : STILL);
      if (speed !== null && this.isConnected) this.#watchPad(); // else `gamepadconnected` looks again
    });
  }

  #padded(speed: Speed): void {
    if (isStill(speed)) {
      this.#padRefused = false;
      if (this.#padHeld) this.release();
      return;
    }
    if (this.#padRefused) return;
    this.#padHeld = true;
    this.#driver?.hold(speed);
  }
}

customElements.define('vms-ptz', VmsPtz);

declare global {
  interface HTMLElementTagNameMap {
    'vms-ptz': VmsPtz;
  }
}
