import { describe, expect, it } from 'vitest';
import { conditionOf, countsOf, reasonOf, stateKey } from './condition';
import { isCalm } from './gaps';
import { wardOf, sorted } from './health';
import { aCamera, aStream } from './sample.test-data';
import { pageStream, tileStream } from './streams';
import { groupsOf, groupTitle, inListOrder, matches } from './tree';

describe('the condition of a camera', () => {
  it('is good without reasons when it records', () => {
    expect(conditionOf(aCamera())).toEqual({ level: 'ok', reasons: [] });
  });

  it('is bad with the cause and its remedy when it fails', () => {
    const { level, reasons } = conditionOf(aCamera({ state: 'failed', problem_code: 'refused' }));
    expect(level).toBe('bad');
    expect(reasons).toEqual([{ what: 'cause.refused.what', todo: 'cause.refused.todo' }]);
  });

  it('claims no intent of a recorder that does not answer', () => {
    const { reasons } = conditionOf(aCamera({ state: 'stopped', problem_code: 'recorder_stopped' }));
    expect(reasons).toEqual([{ what: 'state.stopped.what', todo: 'cause.recorder_stopped.todo' }]);
  });

  it('falls back to the state for a cause this console does not know', () => {
    expect(reasonOf('from_a_newer_server', 'failed')).toEqual({ what: 'state.failed.what', todo: null });
    expect(reasonOf(null, 'failed')).toEqual({ what: 'state.failed.what', todo: null });
  });

  it('warns of a clock that is off, in both directions, and of a dead sub-stream', () => {
    for (const clock_offset_ms of [-5000, 5000]) {
      expect(conditionOf(aCamera({ clock_offset_ms })).reasons[0]).toMatchObject({ what: 'warn.clock', offset: 5000 });
    }
    const sub = aStream({ state: 'failed' });
    expect(conditionOf(aCamera({ streams: { main: aStream(), sub } })).level).toBe('warn');
  });

  it('names the year of a clock that was never set, once the check says that it is one', () => {
    const behind = Date.UTC(1970, 5, 1) - Date.now();
    expect(conditionOf(aCamera({ clock_offset_ms: behind })).reasons).toEqual([]);
    const facts = { since: null, at: null, limit: 2, unit: 's', detail: '' } as const;
    const clock = { check: 'clock', state: 'sick', value: behind / 1000, ...facts } as const;
    const checkup = { camera: 'gate-north', checks: [clock], good: null, present: null };
    for (const clock_offset_ms of [null, behind]) {
      const { level, reasons } = conditionOf(aCamera({ clock_offset_ms, checkup }));
      expect([level, reasons]).toEqual(['warn', [{ what: 'warn.clockYear', todo: 'warn.clock.todo', year: 1970 }]]);
    }
    const off = { ...checkup, checks: [{ ...clock, value: -30 }] };
    expect(conditionOf(aCamera({ clock_offset_ms: null, checkup: off })).reasons[0]).toMatchObject({ what: 'warn.clock', offset: 30_000 });
  });

  it('is neither sick nor well when it is switched off', () => {
    expect(conditionOf(aCamera({ state: 'off' })).level).toBe('off');
  });

  it('counts a camera with a warning as recorded', () => {
    const fleet = [aCamera(), aCamera({ clock_offset_ms: 9000 }), aCamera({ state: 'failed' }), aCamera({ state: 'off' })];
    expect(countsOf(fleet)).toEqual({ recording: 2, warn: 1, bad: 1, total: 4 });
  });
});

describe('a camera that is not recorded by choice', () => {
  const waiting = (cause: string) => aCamera({ state: 'waiting', streams: { main: aStream({ state: 'waiting', cause }) } });

  it('is well, and says what it waits for', () => {
    expect(conditionOf(waiting('privacy'))).toEqual({ level: 'ok', reasons: [] });
    expect(stateKey(waiting('privacy'))).toBe('state.waiting.privacy');
    expect(stateKey(waiting('no_event'))).toBe('state.waiting.no_event');
    expect(stateKey(waiting('a newer word'))).toBe('state.waiting');
    expect(stateKey(aCamera())).toBe('state.recording');
  });

  it('has gaps in which nothing is wrong', () => {
    const gap = { start: 0, end: 1, detail: '' };
    expect(['not_scheduled', 'no_event', 'privacy', 'deleted'].every((cause) => isCalm({ ...gap, cause }))).toBe(true);
    expect(isCalm({ ...gap, cause: 'unreachable' })).toBe(false);
  });
});

describe('the health list', () => {
  const fleet = [
    aCamera({ id: 'a', name: 'Ağaçlı' }),
    aCamera({ id: 'b', name: 'Bahçe', state: 'failed', problem_code: 'silent', since: '2026-11-22T09:00:00Z' }),
    aCamera({ id: 'c', name: 'Cami', clock_offset_ms: 9000 }),
    aCamera({ id: 'd', name: 'Dere', state: 'failed', problem_code: 'refused', since: '2026-11-22T10:00:00Z' }),
    aCamera({ id: 'e', name: 'Ev', state: 'off' }),
  ];
  const ids = (patients: readonly { camera: { id: string } }[]): string[] => patients.map(({ camera }) => camera.id);

  it('has the sickest first, the newest of them on top', () => {
    const ward = wardOf(fleet, '', () => '');
    expect(ids(ward.sick)).toEqual(['d', 'b', 'c']);
    expect(ids(ward.well)).toEqual(['a']);
    expect(ids(ward.off)).toEqual(['e']);
  });

  it('filters by name, group and the words on the screen, however they are typed', () => {
    expect(ids(wardOf(fleet, 'bahce', () => '').sick)).toEqual(['b']);
    const words = (p: { camera: { problem_code: string | null } }): string => p.camera.problem_code ?? '';
    expect(ids(wardOf(fleet, 'REFUSED girisler', words).sick)).toEqual(['d']);
  });

  it('sorts by a column, unknown values last when the largest come first', () => {
    const rows = [aCamera({ id: 'x', fps: 10 }), aCamera({ id: 'y', fps: null }), aCamera({ id: 'z', fps: 25 })].map(
      (camera) => ({ camera, condition: conditionOf(camera) }),
    );
    expect(ids(sorted(rows, 'fps', true))).toEqual(['z', 'x', 'y']);
    expect(ids(sorted(rows, 'fps', false))).toEqual(['y', 'x', 'z']);
  });
});

describe('the list of cameras', () => {
  const fleet = [
    aCamera({ id: 'z', name: 'Zeytin', groups: [] }),
    aCamera({ id: 'm10', name: 'Meydan 10', groups: ['Meydan'] }),
    aCamera({ id: 'm2', name: 'Meydan 2', groups: ['Meydan', 'Çarşı'] }),
    aCamera({ id: 's', name: 'Şehit Park', groups: ['Çarşı'] }),
    aCamera({ id: 'c', name: 'Çınar', groups: ['Çarşı'] }),
  ];

  it('is in Turkish order, numbers as numbers, the ungrouped last', () => {
    const names = groupsOf(fleet).map((g) => [g.name, g.cameras.map((c) => c.id)]);
    expect(names).toEqual([
      ['Çarşı', ['c', 'm2', 's']],
      ['Meydan', ['m2', 'm10']],
      ['', ['z']],
    ]);
    expect(inListOrder(fleet).map((c) => c.id)).toEqual(['c', 'm2', 's', 'm10', 'z']);
  });

  it('finds by every word, in name, id or group', () => {
    const found = (text: string): string[] => fleet.filter((c) => matches(c, text)).map((c) => c.id);
    expect(found('sehit')).toEqual(['s']);
    expect(found('carsi meydan')).toEqual(['m2']);
    expect(found('')).toHaveLength(5);
  });

  it('writes slugs as titles', () => {
    expect(groupTitle('kurum-binalari')).toBe('Kurum binalari');
    expect(groupTitle('istasyon')).toBe('İstasyon');
  });
});

describe('which stream a screen shows', () => {
  const all = (): boolean => true;
  const noHevc = (codec: string | null): boolean => codec !== 'h265';

  it('takes the sub-stream for tiles while it works', () => {
    expect(tileStream(aCamera(), all)).toBe('sub');
    expect(tileStream(aCamera({ streams: { main: aStream(), sub: aStream({ state: 'failed' }) } }), all)).toBe('main');
    expect(tileStream(aCamera({ streams: { main: aStream() } }), all)).toBe('main');
  });

  it('takes the sub-stream for a page only when the main one cannot be played here', () => {
    const hevc = aCamera({ streams: { main: aStream({ codec: 'h265' }), sub: aStream({ state: 'streaming' }) } });
    expect(pageStream(hevc, all)).toBe('main');
    expect(pageStream(hevc, noHevc)).toBe('sub');
    expect(pageStream(aCamera({ streams: { main: aStream({ codec: 'h265' }) } }), noHevc)).toBe('main');
  });
});
