// How storage is, for its section on the health page: signs, the parts of a volume's bar, the words
// of findings. Pure.

import { checkWords } from './checkup';
import type { Level } from './condition';
import { isKey, type Key } from './i18n/words';
import type { StoredVolume, VolumeState } from './keeping';

export const VOLUME_LEVELS: Readonly<Record<VolumeState, Level>> = {
  good: 'ok',
  full: 'warn',
  failed: 'bad',
  missing: 'bad',
  foreign: 'bad',
};

/** Bytes of a volume, which together are its total. */
export interface Shares {
  readonly footage: number;
  /** What else stands on the same disk. */
  readonly other: number;
  /** Free, and free to use. */
  readonly free: number;
  /** Free, but never used. */
  readonly reserve: number;
}

/** null when the disk does not answer. */
export function sharesOf(volume: StoredVolume): Shares | null {
  const { total, free, used } = volume;
  if (total === null || free === null || total <= 0) return null;
  const reserve = Math.min(volume.reserve, free);
  const taken = Math.max(0, total - free);
  const footage = Math.min(used ?? taken, taken);
  return { footage, other: taken - footage, free: free - reserve, reserve };
}

/**
 * How many leaves a checkpoint signs: the second line of its note (C2SP tlog-checkpoint). null for
 * no checkpoint, or a text that is none.
 */
export function leavesSigned(note: string | null): number | null {
  const size = note?.split('\n')[1] ?? '';
  return /^\d+$/.test(size) ? Number(size) : null;
}

export interface FindingWords {
  readonly what: Key;
  readonly todo: Key;
}

// A check is called by what is well, a finding by what is not.
const CHECK_OF: Readonly<Record<string, string>> = { camera_unheard: 'heard' };

/** What a finding is and what to do; a kind this console does not know is said in general. */
export function findingWords(kind: string): FindingWords {
  const check = kind.startsWith('camera_') ? checkWords(CHECK_OF[kind] ?? kind.slice('camera_'.length)) : null;
  if (check !== null) return check;
  const what = `finding.${kind}`;
  const todo = `finding.${kind}.todo`;
  if (isKey(what) && isKey(todo)) return { what, todo };
  return { what: 'finding.unknown', todo: 'finding.unknown.todo' };
}
