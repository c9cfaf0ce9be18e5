// Time on the screens: instants are numbers of milliseconds since 1970 UTC (fractions allowed),
// local time exists only here, in the site's zone, never in the browser's. Formatting is built
// from `Intl` parts so that columns never jump; parsing takes what people type in Turkish and ISO.

export type Lang = 'tr' | 'en';

/** A local reading of a clock: `month` 1–12, `weekday` 0 (Sunday) – 6. */
export interface ZonedTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
  readonly weekday: number;
}

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

// Every zone's offset changes on a quarter of an hour, so one answer holds for a quarter.
const OFFSET_SLOT = 15 * MINUTE;
// Small and emptied whole when full: a screen looks at few places at once.
const OFFSET_CACHE_MAX = 4096;

const formatters = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

function partsFormatter(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formatters.set(zone, formatter);
  }
  return formatter;
}

function measureOffset(at: number, zone: string): number {
  const read = { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
  for (const part of partsFormatter(zone).formatToParts(at)) {
    if (part.type in read) read[part.type as keyof typeof read] = Number(part.value);
  }
  const local = Date.UTC(read.year, read.month - 1, read.day, read.hour, read.minute, read.second);
  return local - Math.floor(at / SECOND) * SECOND;
}

/** Milliseconds that local time in `zone` is ahead of UTC at the instant `at`. */
export function zoneOffset(at: number, zone: string): number {
  const slot = Math.floor(at / OFFSET_SLOT);
  const key = `${zone}|${slot}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    if (offsets.size >= OFFSET_CACHE_MAX) offsets.clear();
    offset = measureOffset(slot * OFFSET_SLOT, zone);
    offsets.set(key, offset);
  }
  return offset;
}

/** What a clock on the wall in `zone` shows at `at`. */
export function zoned(at: number, zone: string): ZonedTime {
  const local = new Date(Math.floor(at) + zoneOffset(at, zone));
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    ms: local.getUTCMilliseconds(),
    weekday: local.getUTCDay(),
  };
}

/**
 * The instant at which clocks in `zone` show this local time. A time that the change to summer
 * time skips means the instant after the change; one that occurs twice means the first.
 */
export function fromZoned(
  zone: string,
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
  ms = 0,
): number {
  const local = Date.UTC(year, month - 1, day, hour, minute, second, ms);
  const before = local - zoneOffset(local - DAY, zone);
  const after = local - zoneOffset(local + DAY, zone);
  if (before + zoneOffset(before, zone) === local) return before;
  if (after + zoneOffset(after, zone) === local) return after;
  return before; // skipped: clocks went forward over it
}

/** The local midnight at or before `at`; `days` shifts it by whole local days. */
export function startOfDay(at: number, zone: string, days = 0): number {
  const local = zoned(at, zone);
  return fromZoned(zone, local.year, local.month, local.day + days);
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

export type ClockPrecision = 'minute' | 'second' | 'ms';

/** `14:32`, `14:32:07` or `14:32:07.480`. */
export function formatClock(at: number, zone: string, precision: ClockPrecision = 'second'): string {
  const time = zoned(at, zone);
  const minutes = `${two(time.hour)}:${two(time.minute)}`;
  if (precision === 'minute') return minutes;
  const seconds = `${minutes}:${two(time.second)}`;
  return precision === 'second' ? seconds : `${seconds}.${String(time.ms).padStart(3, '0')}`;
}

/** `22.11.2026` in Turkish, `2026-11-22` in English: both unmistakable, both of fixed width. */
export function formatDate(at: number, zone: string, lang: Lang): string {
  const time = zoned(at, zone);
  const year = String(time.year).padStart(4, '0');
  return lang === 'tr'
    ? `${two(time.day)}.${two(time.month)}.${year}`
    : `${year}-${two(time.month)}-${two(time.day)}`;
}

/** Date and clock; what `parseEntry` reads back to the same instant. */
export function formatDateTime(
  at: number,
  zone: string,
  lang: Lang,
  precision: ClockPrecision = 'second',
): string {
  return `${formatDate(at, zone, lang)} ${formatClock(at, zone, precision)}`;
}

const dayFormatters = new Map<string, Intl.DateTimeFormat>();

/** `22 Kas Paz`, `Sun 22 Nov`: the date as a person says it, for axes and headings. */
export function formatDay(at: number, zone: string, lang: Lang, withYear = false): string {
  const key = `${zone}|${lang}|${withYear}`;
  let formatter = dayFormatters.get(key);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat(lang === 'tr' ? 'tr-TR' : 'en-GB', {
      timeZone: zone,
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      ...(withYear ? { year: 'numeric' as const } : {}),
    });
    dayFormatters.set(key, formatter);
  }
  return formatter.format(at).replace(',', '');
}

/** `UTC+3`, `UTC-3:30`, `UTC`. */
export function formatOffset(at: number, zone: string): string {
  const minutes = Math.round(zoneOffset(at, zone) / MINUTE);
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  const rest = size % 60;
  return `UTC${minutes < 0 ? '-' : '+'}${Math.floor(size / 60)}${rest === 0 ? '' : `:${two(rest)}`}`;
}

const UNITS: Record<Lang, readonly [string, string, string, string, string]> = {
  tr: ['gün', 'sa', 'dk', 'sn', 'ms'],
  en: ['d', 'h', 'min', 's', 'ms'],
};

/** A span in its two largest units: `24 dk`, `8 dk 30 sn`, `2 gün 4 sa`, `2,5 sn`, `480 ms`. */
export function formatSpan(span: number, lang: Lang): string {
  const [day, hour, minute, second, ms] = UNITS[lang];
  if (span < SECOND) return `${Math.max(0, Math.round(span))} ${ms}`;
  if (span < 9.95 * SECOND) {
    const tenths = (Math.round(span / 100) / 10).toString();
    return `${lang === 'tr' ? tenths.replace('.', ',') : tenths} ${second}`;
  }
  const whole = Math.round(span / SECOND) * SECOND;
  const units: readonly (readonly [number, string])[] = [
    [DAY, day],
    [HOUR, hour],
    [MINUTE, minute],
    [SECOND, second],
  ];
  const first = units.findIndex(([size]) => whole >= size);
  let rest = whole;
  const words: string[] = [];
  for (const [size, word] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count} ${word}`);
  }
  return words.join(' ');
}

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:?\d{2})$/;

/**
 * An RFC 3339 instant, to the fraction of a millisecond; NaN for anything else. `Date.parse`
 * would cut the server's nanoseconds to milliseconds, which tears abutting segments apart.
 */
export function parseInstant(text: string): number {
  const match = RFC3339.exec(text);
  if (match === null) return NaN;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const whole = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const part = fraction === undefined ? 0 : Number(`0.${fraction}`) * SECOND;
  return whole + part - offsetOf(zone ?? 'Z');
}

/** The RFC 3339 form for the API: UTC with milliseconds. */
export function formatInstant(at: number): string {
  return new Date(at).toISOString();
}

function offsetOf(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const digits = zone.replace(':', '');
  const span = Number(digits.slice(1, 3)) * HOUR + Number(digits.slice(3, 5)) * MINUTE;
  return digits.startsWith('-') ? -span : span;
}

const CLOCK = String.raw`(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?`;
const ENTRY_CLOCK = new RegExp(`^${CLOCK}$`);
const ENTRY_TR = new RegExp(String.raw`^(\d{1,2})[./](\d{1,2})(?:[./](\d{4}))?(?:[ ,]+${CLOCK})?$`);
const ENTRY_ISO = new RegExp(
  String.raw`^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[ Tt]+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*([Zz]|[+-]\d{2}:?\d{2})?$`,
);

interface Entry {
  year: number;
  month: number;
  day: number;
  hour: string | undefined;
  minute: string | undefined;
  second: string | undefined;
  fraction: string | undefined;
  offset: string | undefined;
}

function readEntry(text: string, reference: ZonedTime): Entry | null {
  const iso = ENTRY_ISO.exec(text);
  if (iso !== null) {
    const [, year, month, day, hour, minute, second, fraction, offset] = iso;
    const date = { year: Number(year), month: Number(month), day: Number(day) };
    return { ...date, hour, minute, second, fraction, offset };
  }
  // Before the date: `14.32` is a time of day, `1.12` alone is refused by its minutes' digits.
  const clock = ENTRY_CLOCK.exec(text);
  if (clock !== null && text.includes(':')) {
    const [, hour, minute, second, fraction] = clock;
    const { year, month, day } = reference;
    return { year, month, day, hour, minute, second, fraction, offset: undefined };
  }
  const tr = ENTRY_TR.exec(text);
  if (tr === null) return null;
  const [, day, month, year, hour, minute, second, fraction] = tr;
  const date = { year: Number(year ?? reference.year), month: Number(month), day: Number(day) };
  return { ...date, hour, minute, second, fraction, offset: undefined };
}

function isReal(entry: Entry, hour: number, minute: number, second: number): boolean {
  const date = new Date(Date.UTC(entry.year, entry.month - 1, entry.day));
  const same = date.getUTCMonth() + 1 === entry.month && date.getUTCDate() === entry.day;
  return same && hour < 24 && minute < 60 && second < 60;
}

/**
 * The instant a person typed, or null if it is not a time: `22.11.2026 14:32:07.480`,
 * `22.11.2026 14:32`, `22.11 14:32`, `14:32[:07]` (on the day of `reference`), `22/11/2026`,
 * ISO with `T` or a space, and with an offset or `Z`. Without an offset the site's `zone` is meant.
 */
export function parseEntry(text: string, zone: string, reference: number): number | null {
  const entry = readEntry(text.trim().replace(/\s+/g, ' '), zoned(reference, zone));
  if (entry === null) return null;
  const [hour, minute, second] = [entry.hour, entry.minute, entry.second].map((s) => Number(s ?? 0));
  if (hour === undefined || minute === undefined || second === undefined) return null;
  if (!isReal(entry, hour, minute, second)) return null;
  const ms = entry.fraction === undefined ? 0 : Math.floor(Number(`0.${entry.fraction}`) * SECOND);
  const { year, month, day } = entry;
  if (entry.offset !== undefined) {
    return Date.UTC(year, month - 1, day, hour, minute, second, ms) - offsetOf(entry.offset);
  }
  return fromZoned(zone, year, month, day, hour, minute, second, ms);
}
