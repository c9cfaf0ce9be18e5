import { describe, expect, test } from 'vitest';
import { withoutStops } from './log';
import { appended, lasted, objectOf, steeredPath, steeredQuery, steeredSearch, steeredSheet, type SteeredLine } from './steered';

function line(number: number, facts: Partial<SteeredLine> = {}): SteeredLine {
  const at = new Date(Date.UTC(2026, 10, 27, 12, 0, number)).toISOString();
  return {
    number, at, until: at, camera: 'gate', operator: 'ali', command: 'move', detail: '', result: 'done',
    purpose: '', purpose_missing: false, commands: 1, ...facts,
  };
}

describe('a search of steering’s log', () => {
  const search = { camera: 'gate', who: 'ayşe', purpose: '2026/41 & 42', start: '2026-11-27T12:00:00Z', end: '' };

  test('goes into the address and comes back from it', () => {
    expect(steeredSearch(steeredQuery(search))).toEqual(search);
    expect(steeredPath({})).toBe('/steering');
    expect(steeredPath({ camera: 'gate' })).toBe('/steering?camera=gate');
    expect(steeredPath({ who: '  ' })).toBe('/steering');
  });

  test('a time in the address that is none is left out', () => {
    expect(steeredSearch(new URLSearchParams('start=yesterday&end=2026-11-27T12:00:00Z'))).toEqual({
      camera: '', who: '', purpose: '', start: '', end: '2026-11-27T12:00:00Z',
    });
  });

  test('the sheet is of the same search', () => {
    expect(steeredSheet(steeredSearch(new URLSearchParams('camera=gate&limit=9')))).toBe('/api/ptz/log?camera=gate&format=csv');
  });
});

describe('the log of all cameras', () => {
  test('a page behind the others adds what is not there', () => {
    expect(appended([line(3), line(2)], [line(2), line(1)]).map((one) => one.number)).toEqual([3, 2, 1]);
  });

  test('a stop ends the movement of its own camera, whatever another did between', () => {
    const move = line(1, { until: '2026-11-27T12:00:05.000Z' });
    const other = line(2, { camera: 'yard', command: 'home_goto', until: null });
    const stop = line(3, { command: 'stop', until: null, at: '2026-11-27T12:00:05.100Z' });
    const again = line(4, { command: 'stop', until: null, at: '2026-11-27T12:00:05.300Z', camera: 'yard' });
    const of = (one: SteeredLine): string => one.camera;
    expect(withoutStops([again, stop, other, move], of)).toEqual([again, other, move]);
  });

  test('a preset is named; how long a movement went on is known', () => {
    expect(objectOf(line(1, { command: 'preset_goto', detail: 'Kapı' }))).toBe('Kapı');
    expect(objectOf(line(1, { detail: '0.5 0 0' }))).toBe('');
    expect(lasted(line(1, { until: null }))).toBeNull();
    expect(lasted(line(1, { until: '2026-11-27T12:00:03.500Z' }))).toBe(2_500);
  });
});
