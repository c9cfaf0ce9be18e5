import { describe, expect, it } from 'vitest';
import { askOfExport, hearing, isAwaited, param, pressing, ruleOf, sorted, type Approval } from './approvals';

function request(id: string, more: Partial<Approval> = {}): Approval {
  return {
    id,
    action: 'export',
    cameras: ['gate-north'],
    start: null,
    end: null,
    reason: '2026/12',
    params: {},
    state: 'waiting',
    asked: '2026-11-26T10:00:00Z',
    asked_by: 'ali',
    expires: '2026-11-27T10:00:00Z',
    decided: null,
    decided_by: null,
    refusal: null,
    used: null,
    mine: false,
    may_decide: false,
    ...more,
  };
}

describe('requests for a second person’s yes', () => {
  const all = [
    request('newest', { may_decide: true }),
    request('used', { mine: true, state: 'used' }),
    request('waits', { mine: true }),
    request('ready', { mine: true, state: 'approved' }),
    request('hears', { mine: true, state: 'approved', action: 'sound' }),
    request('seen'),
    request('oldest', { may_decide: true }),
  ];

  it('stand in three lists, what can be done first', () => {
    const found = sorted(all);
    expect(found.toDecide.map((one) => one.id)).toEqual(['oldest', 'newest']);
    expect(found.mine.map((one) => one.id)).toEqual(['ready', 'hears', 'waits', 'used']);
    expect(found.others.map((one) => one.id)).toEqual(['seen']);
  });

  it('press as long as their reader has something to do', () => {
    expect(pressing(all)).toBe(3);
    expect(pressing([])).toBe(0);
  });

  it('let one hear the cameras they name', () => {
    expect(hearing(all, 'gate-north')).toEqual(['hears']);
    expect(hearing(all, 'market')).toEqual([]);
  });

  it('are looked at often while somebody waits', () => {
    expect(isAwaited([request('waits', { mine: true })])).toBe(true);
    expect(isAwaited([request('decides', { may_decide: true })])).toBe(true);
    expect(isAwaited([request('hears', { mine: true, state: 'approved', action: 'sound' }), request('seen')])).toBe(false);
  });

  it('never carry a password', () => {
    const wanted = {
      cameras: ['a'],
      start: 's',
      end: 'e',
      reason: 'r',
      language: 'tr',
      password: 'gizli-kelime',
    } as const;
    expect(askOfExport(wanted)).toMatchObject({ action: 'export', encrypted: true });
    expect(JSON.stringify(askOfExport(wanted))).not.toContain('gizli');
    expect(askOfExport({ ...wanted, password: null })).toMatchObject({ encrypted: false });
  });

  it('tell what they are about', () => {
    const rule = request('r', { action: 'retention', params: { change: 'put', rule: { name: 'Meydan' } } });
    expect(ruleOf(rule)?.name).toBe('Meydan');
    expect(ruleOf(request('x', { params: { change: 'delete', name: 'Meydan' } }))).toBeNull();
    expect(param(request('x', { params: { hold: 'h1', meant: true } }), 'hold')).toBe('h1');
    expect(param(request('x', { params: { meant: true } }), 'meant')).toBe('');
  });
});
