import { describe, expect, test } from 'vitest';
import {
  DAY,
  formatClock,
  formatDateTime,
  formatDay,
  formatOffset,
  formatSpan,
  fromZoned,
  parseEntry,
  parseInstant,
  startOfDay,
  zoned,
} from './time';

const IST = 'Europe/Istanbul';
const BERLIN = 'Europe/Berlin';
const at = Date.UTC(2026, 10, 22, 11, 32, 7, 480);

describe('formatting', () => {
  test('shows the site zone, whatever the browser has', () => {
    expect(formatDateTime(at, IST, 'tr', 'ms')).toBe('22.11.2026 14:32:07.480');
    expect(formatDateTime(at, IST, 'en')).toBe('2026-11-22 14:32:07');
    expect(formatClock(at, 'Asia/Kolkata', 'minute')).toBe('17:02');
    expect(formatOffset(at, IST)).toBe('UTC+3');
    expect(formatOffset(at, 'Asia/Kolkata')).toBe('UTC+5:30');
    expect(formatOffset(at, 'UTC')).toBe('UTC');
  });

  test('names days as people do', () => {
    expect(formatDay(at, IST, 'tr')).toBe('22 Kas Paz');
    expect(formatDay(at, IST, 'en')).toBe('Sun 22 Nov');
  });

  test('says spans in two units', () => {
    expect(formatSpan(24 * 60_000, 'tr')).toBe('24 dk');
    expect(formatSpan(510_000, 'tr')).toBe('8 dk 30 sn');
    expect(formatSpan(2 * DAY + 4 * 3_600_000, 'en')).toBe('2 d 4 h');
    expect(formatSpan(59_700, 'en')).toBe('1 min');
    expect(formatSpan(480, 'en')).toBe('480 ms');
    expect(formatSpan(2_500, 'tr')).toBe('2,5 sn');
    expect(formatSpan(5_000, 'en')).toBe('5 s');
    expect(formatSpan(9_960, 'en')).toBe('10 s');
  });
});

describe('zones', () => {
  test('local time and back, for every hour of a year with summer time', () => {
    for (let t = Date.UTC(2026, 0, 1); t < Date.UTC(2027, 0, 1); t += 3_600_000) {
      const z = zoned(t, BERLIN);
      const back = fromZoned(BERLIN, z.year, z.month, z.day, z.hour, z.minute, z.second, z.ms);
      // The hour that occurs twice comes back as its first occurrence.
      expect([t, t - 3_600_000]).toContain(back);
    }
  });

  test('a skipped local time means the instant after the change', () => {
    // 29.03.2026 02:30 does not exist in Berlin; 01:00 UTC is the change.
    expect(fromZoned(BERLIN, 2026, 3, 29, 2, 30)).toBe(Date.UTC(2026, 2, 29, 1, 30));
  });

  test('a day can have 23 or 25 hours', () => {
    const short = startOfDay(Date.UTC(2026, 2, 29, 12), BERLIN);
    expect(startOfDay(short, BERLIN, 1) - short).toBe(23 * 3_600_000);
    const long = startOfDay(Date.UTC(2026, 9, 25, 12), BERLIN);
    expect(startOfDay(long, BERLIN, 1) - long).toBe(25 * 3_600_000);
  });
});

describe('what people type', () => {
  const cases: [string, number][] = [
    ['22.11.2026 14:32:07.480', at],
    ['22.11.2026 14:32:07,480', at],
    [' 22.11.2026   14:32:07 ', at - 480],
    ['22.11.2026 14:32', at - 7480],
    ['22/11/2026 14:32', at - 7480],
    ['22.11 14:32', at - 7480],
    ['14:32', at - 7480],
    ['14:32:07', at - 480],
    ['22.11.2026', Date.UTC(2026, 10, 21, 21)],
    ['2026-11-22T14:32:07.480+03:00', at],
    ['2026-11-22T11:32:07.480Z', at],
    ['2026-11-22 14:32:07.480', at],
    ['2026-11-22 14:32', at - 7480],
    ['2026-11-22', Date.UTC(2026, 10, 21, 21)],
  ];
  test.each(cases)('%s', (text, expected) => {
    expect(parseEntry(text, IST, at)).toBe(expected);
  });

  test.each(['', 'dün', '32.01.2026 10:00', '29.02.2026', '22.11.2026 24:10', '14:60', '1,5', '22.13.2026'])(
    'refuses %s',
    (text) => {
      expect(parseEntry(text, IST, at)).toBeNull();
    },
  );

  test('reads back what it writes', () => {
    for (const lang of ['tr', 'en'] as const) {
      expect(parseEntry(formatDateTime(at, IST, lang, 'ms'), IST, 0)).toBe(at);
    }
  });
});

describe('instants of the server', () => {
  test('keeps what is finer than a millisecond', () => {
    expect(parseInstant('2026-11-22T11:32:07.480Z')).toBe(at);
    expect(parseInstant('2026-11-22T11:32:07.4805Z') - at).toBeCloseTo(0.5, 3);
    expect(parseInstant('2026-11-22T14:32:07+03:00')).toBe(at - 480);
    expect(parseInstant('22.11.2026')).toBeNaN();
  });
});
