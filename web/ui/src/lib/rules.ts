// Retention rules as the editor has them: text in fields to a rule and back, which cameras a rule
// matches, and whether a promise is kept. Pure.

import type { Camera } from './api';
import type { KeptCamera, PreviewCamera, Retention, Rule, RuleBody } from './keeping';

export type TimeUnit = 'hour' | 'day';
export type SizeUnit = 'gb' | 'tb';

export const SECONDS: Readonly<Record<TimeUnit, number>> = { hour: 3_600, day: 86_400 };
export const BYTES: Readonly<Record<SizeUnit, number>> = { gb: 1e9, tb: 1e12 };

/** A number as it stands in a field, with its unit. */
export interface Amount<U extends string> {
  readonly text: string;
  readonly unit: U;
}

export interface Draft {
  readonly name: string;
  readonly cameras: string;
  readonly keep: Amount<TimeUnit>;
  readonly minimum: Amount<TimeUnit>;
  readonly quota: Amount<SizeUnit>;
  readonly quotaAll: Amount<SizeUnit>;
  readonly reason: string;
}

function plain(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

function timeAmount(seconds: number | null): Amount<TimeUnit> {
  if (seconds === null || seconds === 0) return { text: '', unit: 'day' };
  const unit = seconds % SECONDS.day === 0 || seconds > 10 * SECONDS.day ? 'day' : 'hour';
  return { text: plain(seconds / SECONDS[unit]), unit };
}

function sizeAmount(bytes: number | null): Amount<SizeUnit> {
  if (bytes === null) return { text: '', unit: 'gb' };
  const unit = bytes >= BYTES.tb ? 'tb' : 'gb';
  return { text: plain(bytes / BYTES[unit]), unit };
}

export function draftOf(rule: RuleBody | null): Draft {
  return {
    name: rule?.name ?? '',
    cameras: (rule?.cameras ?? []).join(', '),
    keep: rule === null ? { text: '30', unit: 'day' } : timeAmount(rule.keep),
    minimum: timeAmount(rule?.minimum ?? null),
    quota: sizeAmount(rule?.quota ?? null),
    quotaAll: sizeAmount(rule?.quota_all ?? null),
    reason: rule?.reason ?? '',
  };
}

/** `1,5` and `1.5` are one and a half; null: nothing written; NaN: no number above zero. */
export function numberOf(text: string): number | null {
  const written = text.trim();
  if (written === '') return null;
  const value = /^\d+(?:[.,]\d+)?$/.test(written) ? Number(written.replace(',', '.')) : NaN;
  return value > 0 ? value : NaN;
}

export function amountOf<U extends string>(amount: Amount<U>, units: Readonly<Record<U, number>>): number | null {
  const value = numberOf(amount.text);
  return value === null ? null : Math.round(value * units[amount.unit]);
}

export function patternsOf(text: string): string[] {
  return [...new Set(text.split(/[,\s]+/).filter((one) => one !== ''))];
}

export type Mistake = 'name' | 'taken' | 'cameras' | 'keep' | 'minimum' | 'minimumOver' | 'quota' | 'quotaAll';

/** The rule of a draft, or what is wrong with it; `taken`: names of other rules. */
export function ruleOf(draft: Draft, taken: readonly string[]): { rule: RuleBody | null; mistakes: Mistake[] } {
  const mistakes: Mistake[] = [];
  const name = draft.name.trim();
  const cameras = patternsOf(draft.cameras);
  const keep = amountOf(draft.keep, SECONDS);
  const minimum = amountOf(draft.minimum, SECONDS);
  const quota = amountOf(draft.quota, BYTES);
  const quota_all = amountOf(draft.quotaAll, BYTES);
  if (name === '') mistakes.push('name');
  if (taken.includes(name)) mistakes.push('taken');
  if (cameras.length === 0) mistakes.push('cameras');
  if (Number.isNaN(keep)) mistakes.push('keep');
  if (Number.isNaN(minimum)) mistakes.push('minimum');
  if (keep !== null && minimum !== null && minimum > keep) mistakes.push('minimumOver');
  if (Number.isNaN(quota)) mistakes.push('quota');
  if (Number.isNaN(quota_all)) mistakes.push('quotaAll');
  if (mistakes.length > 0) return { rule: null, mistakes };
  const reason = draft.reason.trim();
  return { rule: { name, keep, quota, quota_all, minimum: minimum ?? 0, cameras, reason }, mistakes };
}

export function bodyOf(rule: RuleBody): RuleBody {
  const { name, keep, quota, quota_all, minimum, cameras, reason } = rule;
  return { name, keep, quota, quota_all, minimum, cameras, reason };
}

/** All rules of the database, `rule` in its place or last; without `rule`, those other than `name`. */
export function databaseRules(retention: Retention, name: string, rule: RuleBody | null): RuleBody[] {
  const rules = retention.rules.filter((one) => one.origin === 'database').map(bodyOf);
  const place = rules.findIndex((one) => one.name === name);
  if (rule === null) return rules.filter((one) => one.name !== name);
  return place < 0 ? [...rules, rule] : rules.with(place, rule);
}

function patternMatches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
    .replaceAll('[!', '[^');
  try {
    return new RegExp(`^${source}$`, 'u').test(text);
  } catch {
    return false; // a bracket without its end matches nothing yet
  }
}

/** Cameras that these ids, globs and `group:NAME` name, whichever rule wins for them. */
export function matching(patterns: readonly string[], cameras: readonly Camera[]): Camera[] {
  const groups = patterns.filter((one) => one.startsWith('group:')).map((one) => one.slice('group:'.length));
  const globs = patterns.filter((one) => !one.startsWith('group:'));
  return cameras.filter(
    (camera) =>
      globs.some((glob) => patternMatches(glob, camera.id)) ||
      groups.some((group) => camera.groups.some((name) => patternMatches(group, name))),
  );
}

/** `full`: as long as promised; `filling`: not yet; `short`: it will not be, there is no room;
 * `free`: nothing promised; `none`: no footage. */
export type PromiseState = 'full' | 'filling' | 'short' | 'free' | 'none';

// Deleting goes by whole segments: a promise is kept when less than this is missing.
const SLACK_S = 300;

export function promiseOf(camera: KeptCamera): PromiseState {
  if (camera.kept === null || camera.kept === 0) return 'none';
  if (camera.promised === null) return 'free';
  if (camera.kept >= camera.promised - SLACK_S) return 'full';
  return camera.fits !== null && camera.fits < camera.promised - SLACK_S ? 'short' : 'filling';
}

/** Cameras for which less fits on the disks than this rule promises. */
export function tooLong(rule: RuleBody, previews: readonly PreviewCamera[], matched: readonly string[]): PreviewCamera[] {
  const { keep } = rule;
  if (keep === null) return [];
  return previews.filter((one) => matched.includes(one.camera) && one.fits !== null && one.fits < keep);
}

/** For a list of rules: those of the file first, as they are judged. */
export function inOrder(rules: readonly Rule[]): Rule[] {
  return [...rules].sort((a, b) => Number(a.origin === 'database') - Number(b.origin === 'database'));
}
