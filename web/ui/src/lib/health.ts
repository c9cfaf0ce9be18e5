// The health list: who is sick, in which order, and what a filter leaves. Pure.

import type { Camera } from './api';
import { conditionOf, type Condition, type Level } from './condition';
import { fold } from './i18n/words';

export interface Patient {
  readonly camera: Camera;
  readonly condition: Condition;
}

export type Column = 'name' | 'state' | 'since' | 'fps' | 'bitrate' | 'last' | 'clock' | 'source';

const URGENCY: Readonly<Record<Level, number>> = { bad: 0, warn: 1, ok: 2, off: 3 };
const names = new Intl.Collator('tr', { numeric: true, sensitivity: 'base' });

function since(camera: Camera): number {
  return Date.parse(camera.since ?? '') || 0;
}

/** The sickest first; among equals the one that fell ill last, which nobody has seen yet. */
export function bySickness(a: Patient, b: Patient): number {
  return (
    URGENCY[a.condition.level] - URGENCY[b.condition.level] ||
    since(b.camera) - since(a.camera) ||
    names.compare(a.camera.name, b.camera.name)
  );
}

const number = (value: number | null): number => value ?? Number.NEGATIVE_INFINITY;

const VALUES: Readonly<Record<Exclude<Column, 'name' | 'source'>, (patient: Patient) => number>> = {
  state: ({ condition }) => URGENCY[condition.level],
  since: ({ camera }) => since(camera),
  fps: ({ camera }) => number(camera.fps),
  bitrate: ({ camera }) => number(camera.bitrate),
  last: ({ camera }) => number(camera.last_frame === null ? null : Date.parse(camera.last_frame)),
  clock: ({ camera }) => number(camera.clock_offset_ms === null ? null : Math.abs(camera.clock_offset_ms)),
};

/** Ordered by a column; equals stay in the order of their names. */
export function sorted(patients: readonly Patient[], column: Column, descending: boolean): Patient[] {
  const sign = descending ? -1 : 1;
  return [...patients].sort((a, b) => {
    const byName = names.compare(a.camera.name, b.camera.name);
    if (column === 'name') return sign * byName;
    if (column === 'source') {
      return sign * names.compare(a.camera.source ?? '', b.camera.source ?? '') || byName;
    }
    const value = VALUES[column];
    return sign * Math.sign(value(a) - value(b)) || byName;
  });
}

export interface Ward {
  readonly sick: readonly Patient[];
  readonly well: readonly Patient[];
  readonly off: readonly Patient[];
}

/** `words` gives what the screen says of a camera beyond its name: state and reasons, to search in. */
export function wardOf(
  cameras: readonly Camera[],
  query: string,
  words: (patient: Patient) => string,
): Ward {
  const wanted = fold(query).split(/\s+/);
  const patients = cameras
    .map((camera) => ({ camera, condition: conditionOf(camera) }))
    .filter((patient) => {
      const { name, id, groups } = patient.camera;
      const text = fold([name, id, ...groups, words(patient)].join(' '));
      return wanted.every((word) => text.includes(word));
    });
  const of = (...levels: Level[]): Patient[] =>
    patients.filter(({ condition }) => levels.includes(condition.level));
  return { sick: of('bad', 'warn').sort(bySickness), well: of('ok'), off: of('off') };
}
