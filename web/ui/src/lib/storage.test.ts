import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DICTIONARIES, LANGS } from './i18n/words';
import type { StoredVolume } from './keeping';
import { findingWords, leavesSigned, sharesOf } from './storage';

const FINDINGS = new URL('../../../../storage/findings.py', import.meta.url);

const volume: StoredVolume = {
  uuid: 'u',
  path: '/v',
  total: 1000,
  free: 300,
  used: 600,
  reserve: 100,
  quota: null,
  state: 'good',
  detail: '',
};

describe("a volume's bar", () => {
  it('has parts that make up the whole', () => {
    expect(sharesOf(volume)).toEqual({ footage: 600, other: 100, free: 200, reserve: 100 });
  });

  it('never shows more reserve than there is, nor more footage than is taken', () => {
    expect(sharesOf({ ...volume, free: 40, used: 5000 })).toEqual({ footage: 960, other: 0, free: 0, reserve: 40 });
  });

  it('is not drawn for a disk that does not answer', () => {
    expect(sharesOf({ ...volume, total: null, free: null })).toBeNull();
  });
});

describe('a checkpoint', () => {
  it('says how many leaves it signs', () => {
    expect(leavesSigned('gozcu/ledger\n1234\nroot=\n\n— gozcu sig\n')).toBe(1234);
    expect(leavesSigned('')).toBeNull();
    expect(leavesSigned(null)).toBeNull();
    expect(leavesSigned('2026-11-25T10:00:00Z')).toBeNull();
  });
});

describe('findings', () => {
  const source = readFileSync(FINDINGS, 'utf8').split('class Kind(enum.StrEnum):')[1]?.split('\nclass ')[0] ?? '';
  const kinds = [...source.matchAll(/^ {4}[A-Z_]+ = "(\w+)"/gm)].map((match) => match[1] ?? '');

  it.each(LANGS)('have words and a remedy in %s for every kind of the server', (lang) => {
    expect(kinds.length).toBeGreaterThan(10);
    for (const kind of kinds) {
      const check = kind === 'camera_unheard' ? 'heard' : kind.slice(7);
      const own = kind.startsWith('camera_') ? `check.${check}.what` : `finding.${kind}`;
      expect(findingWords(kind).what, kind).toBe(own);
      expect(DICTIONARIES[lang][findingWords(kind).todo]).not.toBe('');
    }
  });

  it('that are new to this console are said in general', () => {
    expect(findingWords('solar_flare').what).toBe('finding.unknown');
  });
});
