// The hours of a week as spans of minutes: read from texts (`mon-fri 08:00-18:00`), painted on a grid
// of half hours, typed as exact times, and written back as compactly as a person writes them. Pure.

/** Minutes since Monday 00:00 by the site's clock: [start, end), not over the week's end. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One line of exact times; `days` from Monday (0). Before `from`, `to` is of the next day. */
export interface Row {
  readonly days: readonly number[];
  readonly from: string;
  readonly to: string;
}

/** A block of cells, from one corner to another, whichever lies first. */
export interface Block {
  readonly days: readonly [number, number];
  readonly slots: readonly [number, number];
}

export type Cover = 'none' | 'part' | 'whole';
export type RowMistake = 'days' | 'time' | 'begin' | 'length';

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export const DAY = 24 * 60;
export const WEEK = 7 * DAY;
/** Minutes of a cell, and cells of a day. */
export const SLOT = 30;
export const SLOTS = DAY / SLOT;

const TEXT = /^(\S+)\s+(\d{2}:\d{2})\s*-\s*(\d{2}:\d{2})$/;
const CLOCK = /^(\d{1,2})(?:[:.](\d{2}))?$/;
const RUN = 3; // so many days in a row are said as from–to

/** In order, none touching another, of what may overlap. */
export function merged(spans: readonly Span[]): Span[] {
  const found: Span[] = [];
  const inOrder = spans.filter((one) => one.end > one.start).toSorted((a, b) => a.start - b.start);
  for (const one of inOrder) {
    const last = found.at(-1);
    if (last !== undefined && one.start <= last.end) found[found.length - 1] = { start: last.start, end: Math.max(last.end, one.end) };
    else found.push(one);
  }
  return found;
}

export function isSame(one: readonly Span[], other: readonly Span[]): boolean {
  return JSON.stringify(merged(one)) === JSON.stringify(merged(other));
}

// -- texts -----------------------------------------------------------------------------------

/** The hours of a schedule's texts, merged; null where one is not understood. */
export function spansOf(texts: readonly string[]): Span[] | null {
  const rows = texts.map(rowOf);
  return rows.every((row) => row !== null && mistakeOf(row) === null)
    ? merged(rows.flatMap((row) => (row === null ? [] : spansOfRow(row))))
    : null;
}

/** The same hours as texts, each time of the week once, as compactly as may be. */
export function textsOf(spans: readonly Span[]): string[] {
  return rowsOf(spans).map((row) => `${daysText(row.days)} ${row.from}-${row.to}`);
}

function rowOf(text: string): Row | null {
  const [, words, from, to] = TEXT.exec(text.trim().toLowerCase()) ?? [];
  const days = words === undefined ? null : daysOf(words);
  return days === null || from === undefined || to === undefined ? null : { days, from, to };
}

function daysOf(words: string): number[] | null {
  if (words === 'daily') return DAYS.map((_, day) => day);
  const found: number[] = [];
  for (const word of words.split(',')) {
    const [first, last, more] = word.split('-').map((day) => DAYS.findIndex((one) => one === day));
    if (first === undefined || first < 0 || last === -1 || more !== undefined) return null;
    const count = last === undefined ? 0 : (last - first + 7) % 7;
    for (let n = 0; n <= count; n += 1) found.push((first + n) % 7);
  }
  return found;
}

function daysText(days: readonly number[]): string {
  if (days.length === DAYS.length) return 'daily';
  return runsOf(days)
    .map((run) => run.map((day) => DAYS[day] ?? ''))
    .map((run) => (run.length < RUN ? run.join(',') : `${run[0] ?? ''}-${run.at(-1) ?? ''}`))
    .join(',');
}

/** Days in a row; `fri-mon` goes on over Sunday, but `mon-fri` is not torn for it. */
function runsOf(days: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const day of days) {
    const last = runs.at(-1);
    if (last?.at(-1) === day - 1) last.push(day);
    else runs.push([day]);
  }
  const [first, last] = [runs[0], runs.at(-1)];
  if (first === undefined || last === undefined || first === last || first[0] !== 0 || first.length >= RUN || last.at(-1) !== 6) return runs;
  return [...runs.slice(1, -1), [...last, ...first]];
}

// -- rows of exact times -----------------------------------------------------------------------

/** `8:15`, `08.15`, `8` as minutes; null for what is no time from 00:00 to 24:00. */
export function minutesOf(text: string): number | null {
  const [, hour, minute = '00'] = CLOCK.exec(text.trim()) ?? [];
  const found = Number(hour) * 60 + Number(minute);
  return hour === undefined || Number(minute) > 59 || found > DAY ? null : found;
}

export function clockOf(minutes: number): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

export function mistakeOf(row: Row): RowMistake | null {
  const [from, to] = [minutesOf(row.from), minutesOf(row.to)];
  if (row.days.length === 0) return 'days';
  if (from === null || to === null) return 'time';
  if (from === DAY) return 'begin';
  return from === to ? 'length' : null;
}

/** What a row stands for; nothing if something is wrong with it. */
export function spansOfRow(row: Row): Span[] {
  const [from, to] = [minutesOf(row.from), minutesOf(row.to)];
  if (from === null || to === null || mistakeOf(row) !== null) return [];
  return row.days.flatMap((day) => {
    const [start, end] = [day * DAY + from, day * DAY + to + (to < from ? DAY : 0)];
    // Sunday night goes on on Monday.
    return end > WEEK ? [{ start, end: WEEK }, { start: 0, end: end - WEEK }] : [{ start, end }];
  });
}

/** The hours as rows, in the order of the week; days of the same times share one. */
export function rowsOf(spans: readonly Span[]): Row[] {
  const found = new Map<string, { readonly row: Row; readonly days: number[] }>();
  const pieces = around(merged(spans)).flatMap(pieced).toSorted((a, b) => a.day - b.day || a.from - b.from);
  for (const { day, from, to } of pieces) {
    const key = `${String(from)}-${String(to)}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { row: { days: [], from: clockOf(from), to: clockOf(to) }, days: [day] });
    else known.days.push(day);
  }
  return [...found.values()].map(({ row, days }) => ({ ...row, days }));
}

/** Where Sunday's night goes on on Monday, it is one: it ends after the week's end. */
function around(spans: readonly Span[]): readonly Span[] {
  const [first, last] = [spans[0], spans.at(-1)];
  if (first === undefined || last === undefined || first === last || first.start > 0 || last.end < WEEK) return spans;
  const joined = { start: last.start, end: WEEK + first.end };
  return isNight(joined) ? [...spans.slice(1, -1), joined] : spans;
}

/** Over one midnight, and shorter than a day: a text can say it in one. */
function isNight(span: Span): boolean {
  const midnight = (Math.floor(span.start / DAY) + 1) * DAY;
  return span.end > midnight && span.end - midnight < span.start % DAY;
}

interface Piece {
  readonly day: number;
  readonly from: number;
  readonly to: number;
}

function pieced(span: Span): Piece[] {
  const day = Math.floor(span.start / DAY);
  if (isNight(span)) return [{ day, from: span.start % DAY, to: span.end % DAY }];
  const found: Piece[] = [];
  for (let start = span.start; start < span.end; ) {
    const midnight = Math.floor(start / DAY) * DAY;
    const end = Math.min(span.end, midnight + DAY);
    found.push({ day: midnight / DAY, from: start - midnight, to: end - midnight });
    start = end;
  }
  return found;
}

// -- the grid ----------------------------------------------------------------------------------

/** How much of a cell the hours cover. */
export function cover(spans: readonly Span[], day: number, slot: number): Cover {
  const start = day * DAY + slot * SLOT;
  const covered = spans.reduce((sum, one) => sum + Math.max(0, Math.min(one.end, start + SLOT) - Math.max(one.start, start)), 0);
  if (covered === 0) return 'none';
  return covered >= SLOT ? 'whole' : 'part';
}

/** The hours with a block of cells added, or taken away; what lies beside it stays to the minute. */
export function painted(spans: readonly Span[], block: Block, on: boolean): Span[] {
  const [day, lastDay] = block.days.toSorted((a, b) => a - b);
  const [slot, lastSlot] = block.slots.toSorted((a, b) => a - b);
  let found = spans;
  for (let one = day ?? 0; one <= (lastDay ?? 0); one += 1) {
    const start = one * DAY + (slot ?? 0) * SLOT;
    const end = one * DAY + ((lastSlot ?? 0) + 1) * SLOT;
    found = on ? [...found, { start, end }] : found.flatMap((span) => without(span, start, end));
  }
  return merged(found);
}

function without(span: Span, start: number, end: number): Span[] {
  if (span.end <= start || span.start >= end) return [span];
  return [{ start: span.start, end: start }, { start: end, end: span.end }].filter((one) => one.end > one.start);
}

/** What of the hours lies in a day, in minutes of that day. */
export function barsOf(spans: readonly Span[], day: number): Span[] {
  const midnight = day * DAY;
  return spans
    .map((one) => ({ start: Math.max(0, one.start - midnight), end: Math.min(DAY, one.end - midnight) }))
    .filter((one) => one.end > one.start);
}
