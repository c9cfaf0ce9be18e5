import { describe, expect, it } from 'vitest';
import { NO_MARKS } from './marks';
import { choiceOf } from './chosensearch';
import {
  foundOf,
  joined,
  lengthOf,
  marksOf,
  SEARCH_LONGEST,
  SightingsApi,
  strength,
  stretchOf,
  touchingAsOne,
  unknowns,
  wrongStretch,
  type Sighting,
} from './sightings';
import { DAY, formatInstant, HOUR, MINUTE, SECOND } from './time';

const BASE = Date.UTC(2026, 10, 22, 2);
const told = (start: number, end: number): { start: string; end: string } => ({
  start: formatInstant(BASE + start),
  end: formatInstant(BASE + end),
});

function active(start: number, end: number, peak = 100): Sighting {
  const span = { start: BASE + start, end: BASE + end };
  return { ...span, key: `activity ${start}`, of: 'activity', kind: '', detail: '', lasts: false, peak, at: span.start };
}

describe('an answer as it is listed', () => {
  const event = { kind: 'motion', detail: '', lasts: false };
  const found = foundOf({
    ...told(0, HOUR),
    more: true,
    spans: [{ ...told(60_000, 70_000), peak: 200, at: formatInstant(BASE + 64_000) }],
    events: [
      { ...told(90_000, 90_000), ...event, id: 9, kind: 'tamper' },
      { ...told(50_000, 80_000), ...event, id: 7 },
      { ...told(61_000, 62_000), ...event, id: 8, detail: 'kapı', lasts: true },
    ],
    unknown: [told(0, 1_000)],
  });

  it('is in order, whoever told it', () => {
    expect(found.sightings.map(({ of, peak }) => [of, peak])).toEqual([
      ['camera', null],
      ['activity', 200],
      ['zones', null],
      ['other', null],
    ]);
    expect(found.unmeasured).toEqual([{ start: BASE, end: BASE + 1_000 }]);
  });

  it('shows each where most is seen of it', () => {
    expect(found.sightings.map(({ at }) => at - BASE)).toEqual([50_500, 64_500, 61_500, 90_000]);
  });
});

describe('pages', () => {
  it('make one of what the border between them cut', () => {
    const next = [active(10_000, 12_000, 220), active(30_000, 31_000)];
    const list = joined([active(0, 1_000), active(8_000, 10_000)], next);
    expect(list.map(({ start, end, peak }) => [start - BASE, end - BASE, peak])).toEqual([
      [0, 1_000, 100],
      [8_000, 12_000, 220],
      [30_000, 31_000, 100],
    ]);
    expect(list[1]?.at).toBe(BASE + 10_000);
  });

  it('make one where the question began on the millisecond before', () => {
    expect(joined([active(8_000, 10_000.4)], [active(10_000, 12_000)])).toHaveLength(1);
  });

  it('list an event that both tell once, as the later one knows it', () => {
    const event: Sighting = { ...active(0, 1_000), key: 'event 7', of: 'camera', peak: null };
    const later = { ...event, end: BASE + 9_000 };
    expect(joined([event], [later])).toEqual([later]);
  });
});

describe('the stretch at first', () => {
  const shown = { start: BASE, end: BASE + HOUR };

  it('lies between the marks, else where the timeline looks, up to now', () => {
    const marks = { in: BASE + 500, out: BASE + 90_000 };
    expect(stretchOf(marks, shown, BASE + DAY)).toEqual({ start: marks.in, end: marks.out });
    expect(stretchOf(NO_MARKS, shown, BASE + DAY)).toEqual(shown);
    expect(stretchOf({ in: BASE, out: null }, shown, BASE + 10 * MINUTE)).toEqual({ start: BASE, end: BASE + 10 * MINUTE });
  });

  it('is written in whole seconds and never longer than is searched', () => {
    expect(stretchOf(NO_MARKS, { start: BASE + 1, end: BASE + 2_001 }, BASE + DAY)).toEqual({ start: BASE, end: BASE + 3_000 });
    const months = stretchOf(NO_MARKS, { start: BASE - 90 * DAY, end: BASE }, BASE);
    expect(wrongStretch(months.start, months.end, BASE)).toBe(null);
    expect(months.end - months.start).toBe(SEARCH_LONGEST);
  });

  it('can be looked for in the future without being wrong', () => {
    const { start, end } = stretchOf(NO_MARKS, { start: BASE + HOUR, end: BASE + 2 * HOUR }, BASE);
    expect(wrongStretch(start, end, BASE + 1)).toBe(null);
  });
});

it('a stretch is refused for what is wrong with it', () => {
  expect(wrongStretch(5, 5, 10)).toBe('order');
  expect(wrongStretch(10, 20, 10)).toBe('future');
  expect(wrongStretch(0, SEARCH_LONGEST + 1, SEARCH_LONGEST)).toBe('long');
  expect(wrongStretch(0, 20, 10)).toBe(null);
});

describe('what nobody knows', () => {
  const hour = { start: BASE, end: BASE + HOUR };
  const at = (minute: number): number => BASE + minute * MINUTE;
  const span = (from: number, to: number): { start: number; end: number } => ({ start: at(from), end: at(to) });

  it('is footage without levels, gaps with their cause, and what was never recorded', () => {
    const timeline = {
      spans: [span(20, 30), span(40, 60)],
      gaps: [
        { ...span(10, 20), cause: 'privacy', detail: '' },
        { ...span(30, 40), cause: 'unreachable', detail: 'no route' },
      ],
    };
    const found = unknowns(hour, timeline, [span(45, 46)], SECOND, at(600));
    expect(found.map(({ why, calm, start }) => [why, calm, (start - BASE) / MINUTE])).toEqual([
      ['nothing', true, 0],
      ['privacy', true, 10],
      ['unreachable', false, 30],
      ['unmeasured', true, 45],
    ]);
    expect(lengthOf(found)).toBe(31 * MINUTE);
  });

  it('is the file that is still written, until it is closed', () => {
    const [fresh] = unknowns(hour, { spans: [hour], gaps: [] }, [span(29.5, 30)], SECOND, at(30));
    expect(fresh?.why).toBe('fresh');
  });

  it('is cut to what was searched, and to the present', () => {
    const lasting = { start: BASE - DAY, end: BASE + DAY, cause: 'hidden', detail: '' };
    expect(unknowns(hour, { spans: [], gaps: [lasting] }, [], SECOND, at(30)).map(({ start, end }) => [start, end])).toEqual([
      [BASE, at(30)],
    ]);
  });

  it('counts once what lies in a gap twice', () => {
    expect(lengthOf([span(0, 10), span(5, 12), span(20, 21)])).toBe(13 * MINUTE);
    expect(touchingAsOne([span(0, 1), span(1, 2)])).toEqual([span(0, 2)]);
  });

  it('is not the rounding of the timeline', () => {
    const timeline = { spans: [{ start: BASE + 900, end: BASE + HOUR - 900 }], gaps: [] };
    expect(unknowns(hour, timeline, [], SECOND, at(600))).toEqual([]);
  });
});

it('strength has five steps, none empty', () => {
  expect([1, 51, 52, 128, 204, 255].map(strength)).toEqual([1, 1, 2, 3, 4, 5]);
});

it('marks stand around a span, and beside what has no length', () => {
  expect(marksOf({ start: 1_000.2, end: 4_000.2 })).toEqual({ in: 1_000, out: 4_001 });
  expect(marksOf({ start: 5_000, end: 5_000 })).toEqual({ in: 4_000, out: 6_000 });
});

it('a choice is kept, and what is none any more is not', () => {
  expect(choiceOf(null)).toEqual({ sensitivity: 'usual', tellers: ['camera', 'zones'] });
  expect(choiceOf('most')).toEqual({ sensitivity: 'most', tellers: [] });
  expect(choiceOf('extreme other dogs')).toEqual({ sensitivity: 'usual', tellers: ['other'] });
});

it('the server is asked for one page, with what is unknown of it', async () => {
  let asked = '';
  const get = <T>(path: string): Promise<T> => {
    asked = path;
    return Promise.resolve({ ...told(0, 1), spans: [], events: [], unknown: null, more: false } as T);
  };
  const api = new SightingsApi({ get, change: () => Promise.reject(new Error('asks only')) });
  const wanted = { start: BASE, end: BASE + HOUR, sensitivity: 'low', tellers: ['camera', 'other'] } as const;
  const found = await api.find('gate north', wanted, new AbortController().signal);
  const query = new URLSearchParams(asked.split('?')[1]);
  expect(asked).toMatch(/^\/api\/cameras\/gate%20north\/activity\?/);
  expect(query.getAll('events')).toEqual(['camera', 'other']);
  expect([query.get('above'), query.get('unknown'), query.get('start')]).toEqual(['110', 'true', '2026-11-22T02:00:00.000Z']);
  expect(found.unmeasured).toEqual([]);
});
