// Motion: the zones of a camera as they are drawn, and what the server says moves. Pure.

export type Point = readonly [number, number];

/** A polygon; its points are shares of the picture, from its left and top. */
export interface Zone {
  readonly name: string;
  readonly points: readonly Point[];
  /** False: what moves in it never counts. */
  readonly include: boolean;
}

export interface MotionSettings {
  readonly sensitivity: number;
  readonly zones: readonly Zone[];
}

export interface ZoneSight {
  readonly name: string;
  readonly share: number;
  readonly limit: number;
  readonly since: string | null;
}

export interface Moving {
  readonly looks: boolean;
  readonly at: string | null;
  readonly view: boolean;
  readonly seldom: boolean;
  readonly zones: readonly ZoneSight[];
  readonly columns: number;
  readonly rows: number;
  readonly cells: string;
}

export const WHOLE = '*';
export const ZONES_MAX = 16;
export const POINTS_MAX = 40;
export const SENSITIVITIES = [1, 2, 3, 4, 5] as const;
export const NONE: MotionSettings = { sensitivity: 3, zones: [] };

const round = (share: number): number => Math.round(share * 10_000) / 10_000;
const inside = (share: number): number => round(Math.min(1, Math.max(0, share)));

/** A new zone in the picture's middle, a little aside for each that is there. */
export function freshZone(name: string, others: readonly Zone[], include: boolean): Zone {
  const aside = (others.length % 5) * 0.04;
  const [left, top] = [0.3 + aside, 0.35 + aside];
  const corners: readonly Point[] = [
    [left, top],
    [left + 0.3, top],
    [left + 0.3, top + 0.3],
    [left, top + 0.3],
  ];
  return { name, include, points: corners.map(([x, y]) => [inside(x), inside(y)]) };
}

/** `base 1`, `base 2` …: the first that no zone has. */
export function freshName(base: string, zones: readonly Zone[]): string {
  for (let number = 1; ; number += 1) {
    const name = `${base} ${String(number)}`;
    if (!zones.some((zone) => zone.name === name)) return name;
  }
}

export function withCornerAt(zone: Zone, corner: number, [x, y]: Point): Zone {
  return { ...zone, points: zone.points.map((point, at) => (at === corner ? [inside(x), inside(y)] : point)) };
}

/** One corner more, in the middle of the side behind `corner`. */
export function withCornerBehind(zone: Zone, corner: number): Zone {
  if (zone.points.length >= POINTS_MAX) return zone;
  return { ...zone, points: zone.points.toSpliced(corner + 1, 0, middleBehind(zone, corner)) };
}

export function middleBehind(zone: Zone, corner: number): Point {
  const [ax, ay] = zone.points[corner] ?? [0, 0];
  const [bx, by] = zone.points[(corner + 1) % zone.points.length] ?? [0, 0];
  return [round((ax + bx) / 2), round((ay + by) / 2)];
}

/** Without a corner; a triangle keeps its three. */
export function withoutCorner(zone: Zone, corner: number): Zone {
  return zone.points.length <= 3 ? zone : { ...zone, points: zone.points.toSpliced(corner, 1) };
}

/** Moved as a whole, up to the picture's edge. */
export function shifted(zone: Zone, dx: number, dy: number): Zone {
  const xs = zone.points.map(([x]) => x);
  const ys = zone.points.map(([, y]) => y);
  const across = Math.min(1 - Math.max(...xs), Math.max(-Math.min(...xs), dx));
  const down = Math.min(1 - Math.max(...ys), Math.max(-Math.min(...ys), dy));
  return { ...zone, points: zone.points.map(([x, y]) => [inside(x + across), inside(y + down)]) };
}

export type ZoneMistake = 'nameless' | 'twice' | 'reserved';

/** What is wrong with the name of each zone, by its place. */
export function nameMistakes(zones: readonly Zone[]): readonly (ZoneMistake | null)[] {
  const names = zones.map((zone) => zone.name.trim());
  return names.map((name) => {
    if (name === '') return 'nameless';
    if (name === WHOLE) return 'reserved';
    return names.filter((other) => other === name).length > 1 ? 'twice' : null;
  });
}

/** The places of the cells that moved, row by row. */
export function movingCells(moving: Moving): readonly number[] {
  const found: number[] = [];
  for (let at = 0; at < moving.columns * moving.rows; at += 1) {
    const byte = Number.parseInt(moving.cells.slice((at >> 3) * 2, (at >> 3) * 2 + 2), 16);
    if ((byte >> (7 - (at & 7))) & 1) found.push(at);
  }
  return found;
}

/** The line of cameras.toml that says the same. */
export function asToml(settings: MotionSettings): string {
  const zones = settings.zones.map((zone) => {
    const points = zone.points.map(([x, y]) => `[${number(x)}, ${number(y)}]`).join(', ');
    return `  { name = ${JSON.stringify(zone.name)}, points = [${points}]${zone.include ? '' : ', include = false'} },\n`;
  });
  const drawn = zones.length === 0 ? '' : `, zones = [\n${zones.join('')}]`;
  return `motion = { sensitivity = ${String(settings.sensitivity)}${drawn} }`;
}

/** Floats keep their point, so that TOML never sees a list of two kinds. */
function number(share: number): string {
  return Number.isInteger(share) ? share.toFixed(1) : String(share);
}
