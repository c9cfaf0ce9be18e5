// Directions of a steered camera, and what hands mean by them. Pure.

/** Pan −1 (left) to 1 (right), tilt −1 (down) to 1 (up), zoom −1 (out) to 1 (in). */
export interface Speed {
  readonly pan: number;
  readonly tilt: number;
  readonly zoom: number;
}

export const STILL: Speed = { pan: 0, tilt: 0, zoom: 0 };

export function isStill(speed: Speed): boolean {
  return speed.pan === 0 && speed.tilt === 0 && speed.zoom === 0;
}

export function isSame(one: Speed, other: Speed): boolean {
  return one.pan === other.pan && one.tilt === other.tilt && one.zoom === other.zoom;
}

// Two decimals: a trembling stick is not sixty commands.
function rounded(value: number): number {
  return Math.round(Math.max(-1, Math.min(1, value)) * 100) / 100 || 0;
}

/** Slow near the middle, where one aims, and fast at the edge. */
function curved(value: number): number {
  return rounded(value * Math.abs(value));
}

/** Dragged `right` and `down` pixels from where it began, in a picture `size` pixels high. */
export function speedOfDrag(right: number, down: number, size: number): Speed {
  const reach = Math.max(60, size * 0.35);
  const clip = (value: number): number => Math.max(-1, Math.min(1, value));
  return { pan: curved(clip(right / reach)), tilt: curved(clip(-down / reach)), zoom: 0 };
}

const KEYS: Readonly<Record<string, Speed>> = {
  ArrowLeft: { pan: -1, tilt: 0, zoom: 0 },
  ArrowRight: { pan: 1, tilt: 0, zoom: 0 },
  ArrowUp: { pan: 0, tilt: 1, zoom: 0 },
  ArrowDown: { pan: 0, tilt: -1, zoom: 0 },
  '+': { pan: 0, tilt: 0, zoom: 1 },
  '=': { pan: 0, tilt: 0, zoom: 1 },
  PageUp: { pan: 0, tilt: 0, zoom: 1 },
  '-': { pan: 0, tilt: 0, zoom: -1 },
  PageDown: { pan: 0, tilt: 0, zoom: -1 },
};
const SLOW = 0.4;

export function isSteeringKey(key: string): boolean {
  return Object.hasOwn(KEYS, key);
}

/** What the keys that are held down mean together; `fast` with Shift. */
export function speedOfKeys(held: Iterable<string>, fast: boolean): Speed {
  const sum = { pan: 0, tilt: 0, zoom: 0 };
  for (const key of held) {
    const one = KEYS[key];
    if (one === undefined) continue;
    sum.pan += one.pan;
    sum.tilt += one.tilt;
    sum.zoom += one.zoom;
  }
  const factor = fast ? 1 : SLOW;
  return { pan: rounded(sum.pan * factor), tilt: rounded(sum.tilt * factor), zoom: rounded(sum.zoom * factor) };
}

const DEAD = 0.15;

function alive(value: number): number {
  const size = Math.abs(value);
  return size <= DEAD ? 0 : (Math.sign(value) * (size - DEAD)) / (1 - DEAD);
}

export interface Pad {
  readonly mapping: string;
  readonly axes: readonly number[];
  readonly buttons: readonly { readonly value: number }[];
}

/** A gamepad of the standard mapping: left stick turns, right stick or the triggers zoom. */
export function speedOfPad(pad: Pad): Speed {
  const trigger = (index: number): number => pad.buttons[index]?.value ?? 0;
  const triggers = trigger(7) - trigger(6);
  const zoom = triggers === 0 ? -alive(pad.axes[3] ?? 0) : alive(triggers);
  return {
    pan: curved(alive(pad.axes[0] ?? 0)),
    tilt: curved(-alive(pad.axes[1] ?? 0)),
    zoom: curved(zoom),
  };
}

/** What the gamepads mean: the first that is not let go; null without one of the standard mapping. */
export function speedOfPads(pads: readonly (Pad | null)[]): Speed | null {
  const speeds = pads.filter((pad) => pad?.mapping === 'standard').map((pad) => speedOfPad(pad as Pad));
  return speeds.find((speed) => !isStill(speed)) ?? speeds[0] ?? null;
}

/** Where in the picture a point of its box lies, as shares from left and top; null beside it. */
export function pictureShare(
  x: number,
  y: number,
  box: { readonly width: number; readonly height: number },
  aspect: number,
): { readonly x: number; readonly y: number } | null {
  const width = Math.min(box.width, box.height * aspect);
  const height = width / aspect;
  const right = (x - (box.width - width) / 2) / width;
  const down = (y - (box.height - height) / 2) / height;
  return right >= 0 && right <= 1 && down >= 0 && down <= 1 ? { x: right, y: down } : null;
}
