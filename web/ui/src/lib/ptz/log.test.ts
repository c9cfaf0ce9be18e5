import { describe, expect, test } from 'vitest';
import { merged, withoutStops } from './log';
import { KEPT_MS, Purposes } from './purposes';
import type { LoggedCommand } from './server';

function line(number: number, facts: Partial<LoggedCommand> = {}): LoggedCommand {
  const at = new Date(Date.UTC(2026, 10, 27, 12, 0, number)).toISOString();
  return { at, operator: 'ali', command: 'move', detail: '', result: 'done', purpose: '', until: at, commands: 1, number, ...facts };
}
const stop = (number: number, facts: Partial<LoggedCommand> = {}): LoggedCommand =>
  line(number, { command: 'stop', until: null, ...facts });

describe('the log of a camera', () => {
  test('pages are put together; a movement that goes on is shown as it is now', () => {
    const known = merged([line(2), line(1)], [line(3), line(2, { commands: 7 })]);
    expect(known.map((one) => [one.number, one.commands])).toEqual([[3, 1], [2, 7], [1, 1]]);
  });

  test('the stop that ends a movement is in its line; others are shown', () => {
    const move = line(1, { until: '2026-11-27T12:00:05.100000000Z' });
    const ends = stop(2, { at: '2026-11-27T12:00:05.200000000Z' });
    expect(withoutStops([ends, move])).toEqual([move]);
    for (const other of [{ operator: '' }, { result: 'silent' }, { at: '2026-11-27T12:00:09.000000000Z' }]) {
      const kept = { ...ends, ...other };
      expect(withoutStops([kept, move])).toEqual([kept, move]);
    }
    expect(withoutStops([ends])).toEqual([ends]);
  });
});

describe('what a camera is steered for', () => {
  test('is written once, by whom and for the camera it was', () => {
    const purposes = new Purposes(() => 0);
    purposes.say('ali', 'gate', '2026/41');
    expect(purposes.of('ali', 'gate')).toBe('2026/41');
    expect(purposes.of('ayse', 'gate')).toBe('');
    expect(purposes.of('ali', 'yard')).toBe('');
    purposes.say('ali', 'gate', '');
    expect(purposes.of('ali', 'gate')).toBe('');
  });

  test('lasts while somebody steers, and is asked anew another time', () => {
    let now = 0;
    const purposes = new Purposes(() => now);
    purposes.say('ali', 'gate', '2026/41');
    now += KEPT_MS - 1;
    purposes.say('ali', 'gate', purposes.of('ali', 'gate'));
    now += KEPT_MS - 1;
    expect(purposes.of('ali', 'gate')).toBe('2026/41');
    now += 1;
    expect(purposes.of('ali', 'gate')).toBe('');
  });
});
