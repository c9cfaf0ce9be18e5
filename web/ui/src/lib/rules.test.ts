import { describe, expect, it } from 'vitest';
import type { Camera } from './api';
import type { Retention, Rule } from './keeping';
import { databaseRules, draftOf, matching, numberOf, promiseOf, ruleOf, tooLong, type Draft } from './rules';

const DAY = 86_400;

function rule(name: string, more: Partial<Rule> = {}): Rule {
  const none = { quota: null, quota_all: null, minimum: 0, reason: 'x', matches: [] };
  return { name, keep: 30 * DAY, cameras: ['*'], origin: 'database', ...none, ...more };
}

function draft(more: Partial<Draft> = {}): Draft {
  return { ...draftOf(null), name: 'bir', cameras: 'a', reason: 'x', ...more };
}

describe('the editor', () => {
  it.each([
    ['30', 30],
    ['1,5', 1.5],
    ['1.5', 1.5],
    ['', null],
  ])('reads %j', (text, value) => expect(numberOf(text)).toBe(value));

  it.each(['0', '-1', 'on', '1e3', '1,', '١'])('takes %j for no number', (text) => {
    expect(numberOf(text)).toBeNaN();
  });

  it('writes a rule back as it was', () => {
    const rules = [
      rule('bir', { keep: 36 * 3600, quota: 500e9, quota_all: 2.5e12, minimum: 6 * 3600, cameras: ['a', 'group:b'] }),
      rule('iki', { keep: null }),
    ];
    for (const one of rules) {
      const { name, keep, quota, quota_all, minimum, cameras, reason } = one;
      expect(ruleOf(draftOf(one), []).rule).toEqual({ name, keep, quota, quota_all, minimum, cameras, reason });
    }
  });

  it('names every mistake', () => {
    const wrong = draft({
      name: ' ',
      cameras: ' , ',
      keep: { text: '2', unit: 'day' },
      minimum: { text: '3', unit: 'day' },
      quota: { text: 'x', unit: 'gb' },
    });
    expect(ruleOf(wrong, []).mistakes).toEqual(['name', 'cameras', 'minimumOver', 'quota']);
    expect(ruleOf(draft(), ['bir']).mistakes).toEqual(['taken']);
  });

  it('puts a changed rule in its place and a new one last', () => {
    const retention: Retention = { rules: [rule('f', { origin: 'file' }), rule('a'), rule('b')], cameras: [], clock: null };
    const names = (rules: readonly { name: string }[]): string[] => rules.map((one) => one.name);
    expect(names(databaseRules(retention, 'a', rule('a')))).toEqual(['a', 'b']);
    expect(names(databaseRules(retention, '', rule('c')))).toEqual(['a', 'b', 'c']);
    expect(names(databaseRules(retention, 'a', null))).toEqual(['b']);
  });
});

describe('matching', () => {
  const cameras = [
    { id: 'gate-1', groups: ['north'] },
    { id: 'gate-2', groups: [] },
    { id: 'yard.x', groups: ['south', 'yards'] },
  ] as unknown as Camera[];
  const ids = (...patterns: string[]): string[] => matching(patterns, cameras).map((camera) => camera.id);

  it('knows ids, globs and groups as the server does', () => {
    expect(ids('gate-1')).toEqual(['gate-1']);
    expect(ids('gate-*')).toEqual(['gate-1', 'gate-2']);
    expect(ids('gate-[!1]')).toEqual(['gate-2']);
    expect(ids('gate-?', 'group:yards')).toEqual(['gate-1', 'gate-2', 'yard.x']);
    expect(ids('yard?x', 'gate')).toEqual(['yard.x']);
    expect(ids('*')).toHaveLength(3);
    expect(ids('gate-[', 'north')).toEqual([]);
  });
});

describe('promises', () => {
  const kept = (promised: number | null, seconds: number | null, fits: number | null = null): string =>
    promiseOf({ camera: 'a', rule: 'r', promised, kept: seconds, bytes: 0, rate: null, fits });

  it('are kept to the segment', () => {
    expect(kept(DAY, DAY - 60)).toBe('full');
    expect(kept(DAY, DAY / 2)).toBe('filling');
    expect(kept(DAY, DAY / 2, 2 * DAY)).toBe('filling');
    expect(kept(DAY, DAY / 2, DAY / 2)).toBe('short');
    expect(kept(DAY, DAY, DAY / 2)).toBe('full');
    expect(kept(null, DAY)).toBe('free');
    expect(kept(DAY, null)).toBe('none');
  });

  it('that do not fit are found, of the cameras the rule is about', () => {
    const preview = (camera: string, fits: number | null) => ({ camera, segments: 0, bytes: 0, seconds: 0, oldest: null, fits });
    const previews = [preview('a', DAY), preview('b', 60 * DAY), preview('c', null), preview('d', 1)];
    expect(tooLong(rule('r'), previews, ['a', 'b', 'c']).map((one) => one.camera)).toEqual(['a']);
    expect(tooLong(rule('r', { keep: null }), previews, ['a'])).toEqual([]);
  });
});
