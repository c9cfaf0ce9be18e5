import { describe, expect, it } from 'vitest';
import { checkWords, meantBy, measured, partsOf, recordedShare, troubles, type CheckFacts, type DayFacts } from './checkup';
import { conditionOf } from './condition';
import { wardOf } from './health';
import { aCamera } from './sample.test-data';

function check(name: string, facts: Partial<CheckFacts> = {}): CheckFacts {
  const known = { state: 'sick', since: '2026-11-22T09:00:00Z', at: null, value: 0.3, limit: 0.72 } as const;
  return { check: name, unit: 'share', detail: '', ...known, ...facts };
}
const sick = (...checks: CheckFacts[]) => ({ camera: 'gate-north', checks, good: null, present: null });

function day(facts: Partial<DayFacts> = {}): DayFacts {
  return { date: '2026-11-22', start: '', end: '', recorded: 86_400, lost: 0, chosen: 0, gaps: [], ...facts };
}

describe('checks of a camera', () => {
  it('warn of a camera that records what is no use', () => {
    const camera = aCamera({ checkup: sick(check('turned')) });
    const { level, reasons } = conditionOf(camera);
    expect(level).toBe('warn');
    expect(reasons).toEqual([
      { what: 'check.turned.what', todo: 'check.turned.todo', check: 'turned', since: '2026-11-22T09:00:00Z' },
    ]);
    expect(wardOf([camera], '', () => '').sick).toHaveLength(1);
  });

  it('ask whether it was meant: the view, or else the rates', () => {
    expect(meantBy([check('fps')])).toBe('rates');
    expect(meantBy([check('bitrate'), check('blurred')])).toBe('view');
    expect(meantBy([check('black'), check('losses')])).toBeNull();
  });

  it('say nothing of a camera that fails or is off: its last picture is no news', () => {
    const checkup = sick(check('black'));
    expect(conditionOf(aCamera({ state: 'failed', problem_code: 'refused', checkup })).reasons).toHaveLength(1);
    expect(conditionOf(aCamera({ state: 'off', checkup })).reasons).toEqual([]);
  });

  it('leave out what is said elsewhere, and what this console does not know', () => {
    expect(troubles(sick(check('reachable'), check('gaps'), check('kept')))).toEqual([]);
    expect(conditionOf(aCamera({ checkup: sick(check('of_a_newer_server')) })).level).toBe('ok');
    expect(checkWords('of_a_newer_server')).toBeNull();
  });

  it('have values in their own units', () => {
    expect(measured(25, '1/s', 'tr')).toBe('25,0');
    expect(measured(0.31, 'share', 'tr')).toBe('%31');
    expect(measured(-7200, 's', 'en')).toBe('−2 h');
    expect(measured(4_000_000, 'bit/s', 'en')).toBe('4.00 Mbit/s');
    expect(measured(null, 's', 'en')).toBe('—');
  });
});

describe('the days of a month', () => {
  it('have a share only where something was to be recorded', () => {
    expect(recordedShare(day({ recorded: 75, lost: 25 }))).toBe(0.75);
    expect(recordedShare(day({ recorded: 0, chosen: 86_400 }))).toBeNull();
  });

  it('show a second that was lost', () => {
    const parts = partsOf(day({ recorded: 86_399, lost: 1 }), 86_400);
    expect(parts.map(({ kind }) => kind)).toEqual(['recorded', 'lost']);
    expect(parts[1]?.share).toBeGreaterThan(0.05);
    const gaps = [{ cause: 'deleted', seconds: 86_400, lost: false }];
    expect(partsOf(day({ recorded: 0, gaps }), 86_400)).toEqual([{ kind: 'deleted', share: 1 }]);
  });
});
