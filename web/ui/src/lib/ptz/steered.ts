// Steering's log of all cameras as its page asks for it and shows it (docs/api.md, "Steering"). Pure.

import { parseInstant } from '../time';
import type { Asking } from '../registryapi';
import type { LoggedCommand } from './server';

/** A line of the log. `purpose_missing`: it had to be said what for, and was not. */
export interface SteeredLine extends LoggedCommand {
  readonly camera: string;
  readonly purpose_missing: boolean;
}

/** `cameras`: of how many cameras the reader may read the log; null: of all. */
export interface SteeredPage {
  readonly entries: readonly SteeredLine[];
  readonly next: number | null;
  readonly cameras: number | null;
}

/** Empty texts: all. `start`, `end`: RFC 3339. */
export interface SteeredSearch {
  readonly camera: string;
  readonly who: string;
  readonly purpose: string;
  readonly start: string;
  readonly end: string;
}

const NAMES = ['camera', 'who', 'purpose', 'start', 'end'] as const;
/** Lines of a page: movements and their stops, which are shown as one. */
export const LINES = 200;

/** What the server and the page's address both understand. */
export function steeredQuery(search: Partial<SteeredSearch>): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of NAMES) {
    const text = search[name]?.trim() ?? '';
    if (text !== '') query.set(name, text);
  }
  return query;
}

/** A time that is none is left out: addresses are written by hand too. */
export function steeredSearch(query: URLSearchParams): SteeredSearch {
  const text = (name: string): string => query.get(name) ?? '';
  const time = (name: string): string => (Number.isNaN(Date.parse(text(name))) ? '' : text(name));
  return { camera: text('camera'), who: text('who'), purpose: text('purpose'), start: time('start'), end: time('end') };
}

/** Where the page shows a search. */
export function steeredPath(search: Partial<SteeredSearch>): string {
  const query = steeredQuery(search).toString();
  return query === '' ? '/steering' : `/steering?${query}`;
}

/** Where the same is downloaded as CSV, with each single move. */
export function steeredSheet(search: SteeredSearch): string {
  const query = steeredQuery(search);
  query.set('format', 'csv');
  return `/api/ptz/log?${query}`;
}

export function askSteered(asking: Asking, search: SteeredSearch, before: number | null, signal?: AbortSignal): Promise<SteeredPage> {
  const query = steeredQuery(search);
  query.set('limit', String(LINES));
  if (before !== null) query.set('before', String(before));
  return asking.get(`/api/ptz/log?${query}`, signal);
}

/** The pages so far with the one behind them: each line once. */
export function appended(known: readonly SteeredLine[], older: readonly SteeredLine[]): readonly SteeredLine[] {
  const numbers = new Set(known.map((one) => one.number));
  return [...known, ...older.filter((one) => !numbers.has(one.number))];
}

/** What comes behind a word for a command: a preset's name or number. */
export function objectOf(line: LoggedCommand): string {
  return line.command.startsWith('preset_') ? line.detail : '';
}

/** How long a movement went on, in ms; null for what takes no time. */
export function lasted(line: LoggedCommand): number | null {
  return line.until === null ? null : Math.max(0, parseInstant(line.until) - parseInstant(line.at));
}
