// What the server says of who did and saw what (docs/audit.md), and how it is asked. Pure.

import type { Key } from './i18n/words';
import { DAY, formatInstant, HOUR, parseInstant } from './time';

export interface AuditEntry {
  readonly id: number;
  readonly at: string;
  readonly what: string;
  /** Empty for nobody signed in. */
  readonly who: string;
  readonly via: string;
  readonly address: string;
  readonly camera: string;
  readonly subject: string;
  readonly detail: string;
  readonly outcome: 'done' | 'denied' | 'failed';
  /** The footage it is about. */
  readonly start: string | null;
  readonly end: string | null;
  readonly phase: 'opened' | 'goes_on' | 'closed' | null;
  /** From when to when somebody looked. */
  readonly since: string | null;
  readonly until: string | null;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly next: number | null;
}

/** Kinds of entries as people think of them, in the server's words. */
export const KINDS = {
  all: [],
  seen: ['live', 'look_back', 'snapshot', 'download', 'export'],
  signin: ['sign_in', 'sign_out', 'account'],
  steer: ['steer', 'device'],
  kept: ['hold', 'lift', 'export', 'download'],
  changed: ['people', 'cameras', 'discovery', 'retention', 'settings', 'approval', 'event'],
  audit: ['read_audit', 'audit_pack', 'lost'],
} as const;
export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];

export const PERIODS = ['hour', 'day', 'week', 'month', 'ever', 'own'] as const;
export type Period = (typeof PERIODS)[number];
const LENGTHS: Readonly<Record<'hour' | 'day' | 'week' | 'month', number>> = {
  hour: HOUR,
  day: DAY,
  week: 7 * DAY,
  month: 30 * DAY,
};

/** What is looked for. `footage`: the span is of what was seen, not of when. */
export interface Search {
  readonly kind: Kind;
  readonly camera: string;
  readonly person: string;
  readonly period: Period;
  readonly start: number | null;
  readonly end: number | null;
  readonly footage: boolean;
}

export const ALL: Search = { kind: 'all', camera: '', person: '', period: 'week', start: null, end: null, footage: false };

/** The page's address for a search; what is as usual is left out. */
export function auditPath(search: Partial<Search>): string {
  const wanted = { ...ALL, ...search };
  const query = new URLSearchParams();
  if (wanted.kind !== 'all') query.set('kind', wanted.kind);
  if (wanted.camera !== '') query.set('camera', wanted.camera);
  if (wanted.person !== '') query.set('person', wanted.person);
  if (wanted.period !== ALL.period) query.set('period', wanted.period);
  if (wanted.period === 'own') {
    if (wanted.start !== null) query.set('from', formatInstant(wanted.start));
    if (wanted.end !== null) query.set('to', formatInstant(wanted.end));
  }
  if (wanted.footage) query.set('footage', '1');
  const text = query.toString();
  return text === '' ? '/audit' : `/audit?${text}`;
}

/** The search that an address means; what it does not know is as usual. */
export function searchOf(query: URLSearchParams): Search {
  const instant = (name: string): number | null => {
    const at = parseInstant(query.get(name) ?? '');
    return Number.isNaN(at) ? null : at;
  };
  return {
    kind: KIND_NAMES.find((one) => one === query.get('kind')) ?? ALL.kind,
    camera: query.get('camera') ?? '',
    person: query.get('person') ?? '',
    period: PERIODS.find((one) => one === query.get('period')) ?? ALL.period,
    start: instant('from'),
    end: instant('to'),
    footage: query.get('footage') === '1',
  };
}

/** The server's query of a search at `now`; null where its own span is not whole or not a span. */
export function asked(search: Search, now: number): URLSearchParams | null {
  const query = new URLSearchParams();
  for (const kind of KINDS[search.kind]) query.append('kind', kind);
  if (search.camera !== '') query.append('camera', search.camera);
  if (search.person.trim() !== '') query.set('person', search.person.trim());
  if (search.period === 'own') {
    if (search.start === null || search.end === null || search.start >= search.end) return null;
    query.set('start', formatInstant(search.start));
    query.set('end', formatInstant(search.end));
  } else if (search.period !== 'ever') {
    query.set('start', formatInstant(now - LENGTHS[search.period]));
  }
  if (search.footage) query.set('footage', 'true');
  return query;
}

const WORDS = [
  ...['sign_in', 'sign_out', 'account', 'live', 'look_back', 'snapshot', 'steer', 'device', 'hold', 'lift'],
  ...['export', 'download', 'event', 'retention', 'cameras', 'discovery', 'people', 'approval', 'settings'],
  ...['read_audit', 'audit_pack', 'lost'],
];

/** The words of what was done; one that a newer server knows keeps its own. */
export function whatKey(what: string): Key | null {
  return WORDS.includes(what) ? (`aud.what.${what}` as Key) : null;
}

export function viaKey(via: string): Key | null {
  return ['session', 'token', 'cli', 'system', 'none'].includes(via) ? (`aud.via.${via}` as Key) : null;
}
