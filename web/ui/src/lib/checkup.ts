// The health checks of cameras as the server tells them, and the words for them. Pure.

import type { Lang } from './i18n/words';
import { isKey, type Key } from './i18n/words';
import { bitRate, decimal, frameRate, NONE, percent } from './numbers';
import { formatSpan } from './time';

export type CheckState = 'well' | 'sick' | 'unknown';

export interface CheckFacts {
  readonly check: string;
  readonly state: CheckState;
  readonly since: string | null;
  readonly at: string | null;
  readonly value: number | null;
  readonly limit: number | null;
  readonly unit: string;
  readonly detail: string;
  /** Why, in a word of the camera's ONVIF service; empty, or missing on an old server. */
  readonly trouble?: string;
}

export interface StoredPicture {
  readonly at: string;
  readonly url: string;
}

export interface SickCamera {
  readonly camera: string;
  readonly checks: readonly CheckFacts[];
  readonly good: StoredPicture | null;
  readonly present: StoredPicture | null;
}

export interface HealthFacts {
  /** null: nobody looks, and nothing is known. */
  readonly looked: string | null;
  readonly cameras: readonly SickCamera[];
}

export interface Ailment {
  readonly check: string;
  readonly start: string;
  readonly end: string | null;
  readonly detail: string;
  readonly good: string | null;
}

export interface CameraHealth extends SickCamera {
  readonly looked: string | null;
  readonly history: readonly Ailment[];
}

export interface DayFacts {
  readonly date: string;
  readonly start: string;
  readonly end: string;
  readonly recorded: number;
  readonly lost: number;
  readonly chosen: number;
  readonly gaps: readonly { readonly cause: string; readonly seconds: number; readonly lost: boolean }[];
}

export interface Days {
  readonly timezone: string;
  readonly days: readonly DayFacts[];
}

/** What only a picture shows: beside it stands the last one that was as it should be. */
const PICTURES: ReadonlySet<string> = new Set(['black', 'white', 'covered', 'blurred', 'frozen', 'turned']);

/** Said elsewhere on the same page: by the camera's state, its clock, its gaps, the storage. */
const SAID: ReadonlySet<string> = new Set(['reachable', 'authenticated', 'streaming', 'clock', 'gaps', 'kept']);

/** The view can be taken as the new one. */
const OF_VIEW: ReadonlySet<string> = new Set(['covered', 'blurred', 'turned']);

/** Held against what is usual; a changed setting makes it another. */
const OF_RATES: ReadonlySet<string> = new Set(['fps', 'bitrate']);

export const ofPicture = (check: CheckFacts): boolean => PICTURES.has(check.check);
const ofView = (check: CheckFacts): boolean => OF_VIEW.has(check.check);

/** What a person may say is meant: the camera's view, else its settings; null where neither is told. */
export function meantBy(sick: readonly CheckFacts[]): 'view' | 'rates' | null {
  if (sick.some(ofView)) return 'view';
  return sick.some(({ check }) => OF_RATES.has(check)) ? 'rates' : null;
}

/** What makes a camera that records a camera with a problem. */
export function troubles(checkup: SickCamera | undefined): readonly CheckFacts[] {
  return (checkup?.checks ?? []).filter(({ check, state }) => state === 'sick' && !SAID.has(check));
}

export function checkName(check: string): Key | null {
  const key = `check.${check}`;
  return isKey(key) ? key : null;
}

/** What is wrong and what to do; null for a check this console does not know. */
export function checkWords(check: string): { readonly what: Key; readonly todo: Key } | null {
  const what = `check.${check}.what`;
  const todo = `check.${check}.todo`;
  return isKey(what) && isKey(todo) ? { what, todo } : null;
}

/** A value in its check's unit: `25,0`, `%31`, `12 sn`. */
export function measured(value: number | null, unit: string, lang: Lang): string {
  if (value === null) return NONE;
  switch (unit) {
    case '1/s':
      return frameRate(value, lang);
    case 'bit/s':
      return bitRate(value, lang);
    case 's':
      return value === 0 ? `0 ${lang === 'tr' ? 'sn' : 's'}` : (value < 0 ? '−' : '') + formatSpan(Math.abs(value) * 1000, lang);
    case 'share':
    case 'ratio':
    case 'likeness':
      return percent(value, lang);
    case 'd':
      return `${decimal(value, lang)} ${lang === 'tr' ? 'gün' : value === 1 ? 'day' : 'days'}`;
    default:
      return decimal(value, lang);
  }
}

/** How much of what was to be recorded on a day was; null where nothing was to be. */
export function recordedShare(day: DayFacts): number | null {
  const wanted = day.recorded + day.lost;
  return wanted > 0 ? day.recorded / wanted : null;
}

export interface Part {
  readonly kind: 'recorded' | 'lost' | 'chosen' | 'deleted';
  /** Of the day's length. */
  readonly share: number;
}

/** A loss one can't see would be no strip: it is drawn at least this high. */
const SEEN = 0.06;

/** What a day's bar is made of, from below; today is as high as it has come. */
export function partsOf(day: DayFacts, length: number): readonly Part[] {
  const deleted = day.gaps.find(({ cause }) => cause === 'deleted')?.seconds ?? 0;
  const parts: Part[] = [
    { kind: 'deleted', share: deleted / length },
    { kind: 'recorded', share: day.recorded / length },
    { kind: 'chosen', share: day.chosen / length },
    { kind: 'lost', share: day.lost >= 1 ? Math.max(SEEN, day.lost / length) : 0 },
  ];
  return parts.filter(({ share }) => share > 0);
}
