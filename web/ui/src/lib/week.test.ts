import { describe, expect, it } from 'vitest';
import {
  barsOf,
  clockOf,
  cover,
  DAY,
  isSame,
  merged,
  minutesOf,
  mistakeOf,
  painted,
  rowsOf,
  SLOT,
  SLOTS,
  spansOf,
  spansOfRow,
  textsOf,
  WEEK,
  type Span,
} from './week';

const at = (day: number, hour: number): number => day * DAY + Math.round(hour * 60);
const span = (day: number, from: number, to: number): Span => ({ start: at(day, from), end: at(day, to) });
const read = (...texts: string[]): readonly Span[] => spansOf(texts) ?? [];

describe('spans of a week', () => {
  it('are read by day, joined where they touch', () => {
    expect(read('mon,wed 08:00-18:15')).toEqual([span(0, 8, 18.25), span(2, 8, 18.25)]);
    expect(read('mon 08:00-12:00', 'mon 12:00-13:00')).toEqual([span(0, 8, 13)]);
    expect(read('daily 00:00-24:00')).toEqual([{ start: 0, end: WEEK }]);
    expect(read('fri-mon 12:00-13:00').map((one) => Math.floor(one.start / DAY))).toEqual([0, 4, 5, 6]);
  });
  it('go on over midnight, and over the end of the week', () => {
    expect(read('fri 22:00-06:00')).toEqual([{ start: at(4, 22), end: at(5, 6) }]);
    expect(read('sun 22:00-06:00')).toEqual([span(0, 0, 6), span(6, 22, 24)]);
  });
  it('are null where one is not understood', () => {
    for (const bad of ['mon 8-18', 'xyz 08:00-18:00', 'mon 08:00-08:00', 'mon 24:00-06:00', 'mon 08:60-09:00', 'mon 08:00-24:01', 'mon-wed-fri 08:00-09:00']) {
      expect(spansOf([bad]), bad).toBeNull();
    }
  });
  it('merge whatever overlaps', () => {
    expect(merged([span(1, 10, 12), span(0, 1, 2), span(1, 9, 11), { start: 5, end: 5 }])).toEqual([span(0, 1, 2), span(1, 9, 12)]);
  });
});

describe('the textual form', () => {
  it.each([
    [['mon-fri 08:00-18:00', 'sat 09:00-13:00']],
    [['daily 22:00-06:00']],
    [['daily 00:00-24:00']],
    [['sat,sun 00:00-24:00']],
    [['mon,wed-fri 08:15-17:45']],
    [['fri-mon 12:00-13:00']],
    [['sun,mon 12:00-13:00']],
    [['mon-fri,sun 12:00-13:00']],
    [['wed,sat-mon 12:00-13:00']],
    [['sun 22:00-06:00']],
    [['mon-fri 08:00-12:00', 'mon-fri 13:00-18:00']],
  ])('is as compact as a person writes it: %j', (texts) => {
    expect(textsOf(read(...texts))).toEqual(texts);
  });
  it('joins what was written apart', () => {
    expect(textsOf(read('mon 08:00-12:00', 'mon 12:00-18:00', 'tue-fri 08:00-18:00'))).toEqual(['mon-fri 08:00-18:00']);
    expect(textsOf(read('mon,tue,wed,thu,fri,sat,sun 01:00-02:00'))).toEqual(['daily 01:00-02:00']);
  });
  it('breaks at midnight what is longer than a night', () => {
    expect(textsOf(read('mon-fri 22:00-06:00', 'sat 06:00-24:00', 'sun 00:00-24:00'))).toEqual([
      'mon-thu 22:00-06:00',
      'fri 22:00-24:00',
      'sat,sun 00:00-24:00',
    ]);
    expect(textsOf([{ start: at(0, 8), end: at(1, 10) }])).toEqual(['mon 08:00-24:00', 'tue 00:00-10:00']);
    expect(textsOf([{ start: at(6, 20), end: WEEK }, { start: 0, end: at(0, 20) }])).toEqual(['mon 00:00-20:00', 'sun 20:00-24:00']);
  });
  it('says the same hours again, whatever they are', () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    for (let round = 0; round < 500; round += 1) {
      const spans = merged(
        Array.from({ length: 1 + random(9) }, () => {
          const start = random(WEEK - 1);
          return { start, end: Math.min(WEEK, start + 1 + random(round % 2 === 0 ? 600 : 3_000)) };
        }),
      );
      const texts = textsOf(spans);
      expect(spansOf(texts), texts.join('; ')).toEqual(spans);
      expect(total(texts), texts.join('; ')).toBe(length(spans)); // no time twice: the server refuses that
    }
  });
  const length = (spans: readonly Span[]): number => spans.reduce((sum, one) => sum + one.end - one.start, 0);
  const total = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + length(read(text)), 0);
});

describe('the grid', () => {
  it('says how much of a cell is covered', () => {
    const spans = read('mon 08:15-09:30');
    expect([15, 16, 17, 18, 19].map((slot) => cover(spans, 0, slot))).toEqual(['none', 'part', 'whole', 'whole', 'none']);
    expect(cover(spans, 1, 17)).toBe('none');
  });
  it('is painted and wiped, over days and hours, and leaves exact times beside it', () => {
    const block = { days: [4, 0], slots: [35, 16] } as const; // from where a drag began to where it is, either way
    expect(textsOf(painted([], block, true))).toEqual(['mon-fri 08:00-18:00']);
    const exact = read('mon 08:15-09:50');
    expect(textsOf(painted(exact, { days: [0, 0], slots: [20, 21] }, true))).toEqual(['mon 08:15-09:50', 'mon 10:00-11:00']);
    expect(textsOf(painted(exact, { days: [0, 0], slots: [17, 17] }, false))).toEqual(['mon 08:15-08:30', 'mon 09:00-09:50']);
    expect(painted(read('daily 00:00-24:00'), { days: [0, 6], slots: [0, SLOTS - 1] }, false)).toEqual([]);
  });
  it('painted to midnight touches the next day', () => {
    const late = painted([], { days: [4, 4], slots: [44, 47] }, true);
    expect(textsOf(painted(late, { days: [5, 5], slots: [0, 11] }, true))).toEqual(['fri 22:00-06:00']);
  });
  it('shows each day its own bars', () => {
    const spans = read('fri 22:00-06:00');
    expect(barsOf(spans, 4)).toEqual([{ start: 22 * 60, end: DAY }]);
    expect(barsOf(spans, 5)).toEqual([{ start: 0, end: 6 * 60 }]);
    expect(barsOf(spans, 6)).toEqual([]);
    expect(SLOT * SLOTS).toBe(DAY);
  });
  it('cell by cell becomes spans and spans cells', () => {
    const spans = read('mon-wed 08:00-12:30', 'sun 23:30-00:30');
    let again: readonly Span[] = [];
    for (let day = 0; day < 7; day += 1) {
      for (let slot = 0; slot < SLOTS; slot += 1) {
        if (cover(spans, day, slot) === 'whole') again = painted(again, { days: [day, day], slots: [slot, slot] }, true);
      }
    }
    expect(again).toEqual(spans);
  });
});

describe('rows of exact times', () => {
  it('are read as people type them', () => {
    expect(['08:15', '8:15', '8.15', '24:00', '7', ' 07:05 '].map(minutesOf)).toEqual([495, 495, 495, 1440, 420, 425]);
    expect(['', '25:00', '24:01', '08:60', 'eight', '8:1', '-1'].map(minutesOf)).toEqual(Array(7).fill(null));
    expect([0, 495, 1440].map(clockOf)).toEqual(['00:00', '08:15', '24:00']);
  });
  it('stand for the same hours as the texts', () => {
    expect(rowsOf(read('mon-fri 08:15-18:00', 'sat 22:00-06:00'))).toEqual([
      { days: [0, 1, 2, 3, 4], from: '08:15', to: '18:00' },
      { days: [5], from: '22:00', to: '06:00' },
    ]);
    expect(spansOfRow({ days: [5], from: '22:00', to: '6:00' })).toEqual([{ start: at(5, 22), end: at(6, 6) }]);
    expect(spansOfRow({ days: [0], from: '20:00', to: '00:00' })).toEqual([span(0, 20, 24)]);
  });
  it('say what is wrong with them', () => {
    expect(mistakeOf({ days: [], from: '08:00', to: '09:00' })).toBe('days');
    expect(mistakeOf({ days: [0], from: '8', to: '' })).toBe('time');
    expect(mistakeOf({ days: [0], from: '24:00', to: '06:00' })).toBe('begin');
    expect(mistakeOf({ days: [0], from: '08:00', to: '8.00' })).toBe('length');
    expect(mistakeOf({ days: [0], from: '08:00', to: '24:00' })).toBeNull();
    expect(spansOfRow({ days: [0], from: '08:00', to: '08:00' })).toEqual([]);
  });
  it('are the same hours however they are written', () => {
    expect(isSame(read('mon 08:00-12:00', 'mon 12:00-18:00'), read('mon 08:00-18:00'))).toBe(true);
    expect(isSame(read('mon 08:00-12:00'), read('mon 08:00-12:01'))).toBe(false);
  });
});
