// What is known of a camera's device and place, as rows that a person reads. Pure.

import { say, type Key, type Lang } from './i18n/words';
import type { Inventory, Location } from './registry';
import { formatDate, startOfDay } from './time';

export interface LabelRow {
  readonly what: Key;
  readonly text: string;
  /** It asks for somebody's eye: a warranty that ends or has ended. */
  readonly warn?: boolean;
}

export const WARRANTY_SOON_DAYS = 60;
const DAY_MS = 86_400_000;

/** Rows in which something stands. `now` and `zone`: what day it is on the site. */
export function labelRows(
  inventory: Inventory | null,
  location: Location | null,
  now: number,
  zone: string,
  lang: Lang,
): LabelRow[] {
  return [...deviceRows(inventory, now, zone, lang), ...placeRows(location, lang)].filter((row) => row.text !== '');
}

function deviceRows(label: Inventory | null, now: number, zone: string, lang: Lang): LabelRow[] {
  if (label === null) return [];
  return [
    { what: 'label.device', text: `${label.make} ${label.model}`.trim() },
    { what: 'cam.serial', text: label.serial },
    { what: 'cam.firmware', text: label.firmware },
    { what: 'cam.mac', text: label.mac },
    { what: 'cam.installed', text: label.installed === null ? '' : dayText(label.installed, lang) },
    ...warrantyRows(label.warranty_until, now, zone, lang),
    { what: 'cam.notes', text: label.notes },
  ];
}

function warrantyRows(until: string | null, now: number, zone: string, lang: Lang): LabelRow[] {
  if (until === null) return [];
  const day = dayText(until, lang);
  const n = daysUntil(until, now, zone);
  if (!(n <= WARRANTY_SOON_DAYS)) return [{ what: 'cam.warranty', text: day }];
  const key = n < 0 ? 'label.warranty.ended' : n === 0 ? 'label.warranty.today' : 'label.warranty.ending';
  return [{ what: 'cam.warranty', text: say(lang, key, { day, n }), warn: true }];
}

/** Whole days from today on the site to a day, `2029-05-31`; NaN for no day. */
export function daysUntil(day: string, now: number, zone: string): number {
  const today = Date.parse(formatDate(startOfDay(now, zone), zone, 'en'));
  return Math.round((Date.parse(day) - today) / DAY_MS);
}

function placeRows(place: Location | null, lang: Lang): LabelRow[] {
  if (place === null) return [];
  const number = (value: number, digits: number): string =>
    value.toLocaleString(lang === 'tr' ? 'tr-TR' : 'en-GB', { maximumFractionDigits: digits });
  const rows: LabelRow[] = [{ what: 'label.place', text: `${place.lat.toFixed(5)}, ${place.lon.toFixed(5)}` }];
  const { heading, fov } = place;
  if (heading !== null && heading !== undefined) {
    const point = say(lang, pointOf(heading));
    rows.push({ what: 'label.heading', text: say(lang, 'label.headingOf', { point, degrees: number(heading, 0) }) });
  }
  if (fov !== null && fov !== undefined) rows.push({ what: 'label.fov', text: `${number(fov, 0)}°` });
  return rows;
}

const POINTS = ['point.0', 'point.1', 'point.2', 'point.3', 'point.4', 'point.5', 'point.6', 'point.7'] as const;

/** The compass point of degrees from north, clockwise. */
function pointOf(heading: number): Key {
  return POINTS[Math.round(heading / 45) % 8] ?? 'point.0';
}

function dayText(day: string, lang: Lang): string {
  const at = Date.parse(day);
  return Number.isNaN(at) ? day : formatDate(at, 'UTC', lang);
}
