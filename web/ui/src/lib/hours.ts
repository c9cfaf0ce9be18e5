// A schedule's hours in words: what stands in cameras.toml as `mon-fri 08:00-18:00`. Pure.

import { say, type Lang } from './i18n/words';
import { DAYS } from './week';

/** A schedule as the server tells it; its hours are by the site's clock. */
export interface Schedule {
  readonly name: string;
  readonly spans: readonly string[];
}

/** With the cameras that are recorded in its hours, and those hidden in them. `file`: declared in
 * cameras.toml, and read-only here. */
export interface ScheduleUse extends Schedule {
  readonly origin: 'file' | 'database';
  readonly recorded: readonly string[];
  readonly hidden: readonly string[];
}

const MONDAY = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;
const SPAN = /^(\S+)\s+(\d{2}:\d{2})\s*-\s*(\d{2}:\d{2})$/;

/** Each span as a person says it: `Monday–Friday 08:00–18:00`; one that is not understood as it is. */
export function hoursOf(spans: readonly string[], lang: Lang): string[] {
  return spans.map((text) => inWords(text, lang) ?? text);
}

/** All of them in one line. */
export function hoursLine(spans: readonly string[], lang: Lang): string {
  return hoursOf(spans, lang).join('; ');
}

/** The schedule by which a camera is recorded, by its `record`. */
export function scheduleOf(record: string): string | null {
  return record.startsWith('schedule:') ? record.slice('schedule:'.length) : null;
}

function inWords(text: string, lang: Lang): string | null {
  const [, days, from, to] = SPAN.exec(text.trim().toLowerCase()) ?? [];
  const which = days === undefined ? null : daysInWords(days, lang);
  if (which === null || from === undefined || to === undefined) return null;
  const line = `${which} ${clockInWords(from, to, lang)}`;
  return line.charAt(0).toLocaleUpperCase(lang) + line.slice(1);
}

function clockInWords(from: string, to: string, lang: Lang): string {
  if (from === '00:00' && to === '24:00') return say(lang, 'hours.whole');
  return to < from ? say(lang, 'hours.over', { from, to }) : `${from}–${to}`;
}

function daysInWords(days: string, lang: Lang): string | null {
  if (days === 'daily') return say(lang, 'hours.daily');
  const parts = days.split(',').map((part) => part.split('-').map((day) => dayName(day, lang)));
  if (parts.some((part) => part.length > 2 || part.includes(null))) return null;
  return parts.map((part) => part.join('–')).join(', ');
}

function dayName(word: string, lang: Lang): string | null {
  const day = DAYS.findIndex((one) => one === word);
  return day < 0 ? null : weekday(day, lang);
}

/** `day` from Monday (0): `Monday`, or `Mon`. */
export function weekday(day: number, lang: Lang, how: 'long' | 'short' = 'long'): string {
  const locale = lang === 'tr' ? 'tr-TR' : 'en-GB';
  return new Date(MONDAY + day * DAY_MS).toLocaleDateString(locale, { weekday: how, timeZone: 'UTC' });
}
