import { describe, expect, it } from 'vitest';
import { holdState, shownHolds } from './holds';
import type { Hold } from './keeping';

const now = Date.UTC(2026, 10, 25, 12);
const at = (hours: number): string => new Date(now + hours * 3_600_000).toISOString();

function hold(id: string, more: Partial<Hold> = {}): Hold {
  const ends = { until: null, lifted: null, lifted_by: null };
  return { id, camera: 'gate', start: at(-9), end: at(-8), reason: 'Kaza', made: at(-7), made_by: 'ayse', ...ends, ...more };
}

describe('a hold', () => {
  it('is active, lifted or has run out', () => {
    expect(holdState(hold('a'), now)).toBe('active');
    expect(holdState(hold('a', { until: at(1) }), now)).toBe('active');
    expect(holdState(hold('a', { until: at(-1) }), now)).toBe('over');
    expect(holdState(hold('a', { lifted: at(-1), lifted_by: 'mehmet' }), now)).toBe('lifted');
  });
});

describe('the list', () => {
  const holds = [hold('a'), hold('b', { lifted: at(-1), lifted_by: 'x' }), hold('c', { made: at(-1), reason: 'İtfaiye' })];
  const ids = (shown: 'active' | 'lifted' | 'all', query = ''): string[] =>
    shownHolds(holds, shown, query, now, () => 'Kuzey Kapı').map((one) => one.id);

  it('shows the newest first', () => {
    expect(ids('active')).toEqual(['c', 'a']);
    expect(ids('lifted')).toEqual(['b']);
    expect(ids('all')).toHaveLength(3);
  });

  it('is searched in Turkish, by reason and by the name of the camera', () => {
    expect(ids('all', 'itfaiye')).toEqual(['c']);
    expect(ids('all', 'kapi kaza')).toEqual(['a', 'b']);
  });
});
