// Where an axis has its lines and what they say: round local times of the site's zone, also over
// changes to summer time, with the date where the day changes. Pure.

import { DAY, formatClock, formatDay, HOUR, type Lang, MINUTE, SECOND, startOfDay } from '../../lib/time';
import type { View } from './view';

export interface Tick {
  readonly at: number;
  /** Empty for a line without words. */
  readonly label: string;
  /** A new day begins: drawn stronger. */
  readonly isDay: boolean;
}

const STEPS = [
  100, 200, 500,
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 5 * DAY, 10 * DAY,
] as const; // prettier-ignore

// A month of days at most, or a screen of the narrowest labels.
const TICKS_MAX = 400;

/** The smallest round step whose labels, `room` pixels wide, do not touch. */
export function stepFor(span: number, width: number, room: number): number {
  const wanted = (span / Math.max(1, width)) * room;
  return STEPS.find((step) => step >= wanted) ?? 10 * DAY;
}

function label(at: number, step: number, zone: string): string {
  if (step >= MINUTE) return formatClock(at, zone, 'minute');
  if (step >= SECOND) return formatClock(at, zone, 'second');
  return formatClock(at, zone, 'ms').slice(0, -2);
}

function* daysOf(view: View, zone: string): Generator<number> {
  let day = startOfDay(view.start, zone);
  for (let i = 0; i < TICKS_MAX && day <= view.end; i += 1) {
    yield day;
    day = startOfDay(day, zone, 1);
  }
}

/** Labelled ticks of the view; days of 23 or 25 hours keep round local times. */
export function ticksOf(view: View, width: number, zone: string, lang: Lang, room: number): Tick[] {
  const step = stepFor(view.end - view.start, width, room);
  if (step >= DAY) return dayTicks(view, step, zone, lang);
  const ticks: Tick[] = [];
  for (const day of daysOf(view, zone)) {
    const next = startOfDay(day, zone, 1);
    if (day >= view.start) ticks.push({ at: day, label: formatDay(day, zone, lang), isDay: true });
    const first = Math.max(1, Math.ceil((view.start - day) / step));
    for (let k = first; ticks.length < TICKS_MAX; k += 1) {
      const at = roundLocal(day, day + k * step, step, zone);
      // The last one before midnight would touch the day's own, wider label.
      if (at > view.end || at >= next - step / 2) break;
      ticks.push({ at, label: label(at, step, zone), isDay: false });
    }
  }
  return ticks;
}

/** After a change of the clocks, steps of hours are counted on the new clock. */
function roundLocal(day: number, at: number, step: number, zone: string): number {
  if (step <= HOUR) return at;
  const shift = (startOfDay(at, zone, 1) - startOfDay(at, zone)) - DAY;
  return shift === 0 || at - day < 6 * HOUR ? at : at + shift;
}

function dayTicks(view: View, step: number, zone: string, lang: Lang): Tick[] {
  const every = Math.round(step / DAY);
  const ticks: Tick[] = [];
  for (const day of daysOf(view, zone)) {
    if (day < view.start) continue;
    // Counted from 1970, so that panning does not make labels jump between days.
    const isLabelled = Math.round(day / DAY) % every === 0;
    ticks.push({ at: day, label: isLabelled ? formatDay(day, zone, lang) : '', isDay: true });
  }
  return ticks;
}
