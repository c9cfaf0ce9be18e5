import { describe, expect, test } from 'vitest';
import type { Timeline } from '../../lib/media/server';
import { DAY, formatClock, HOUR, MINUTE, SECOND } from '../../lib/time';
import { mergedEvents, mergedGaps, momentAt } from './content';
import { Coverage, levelFor, tilesOf, TILE_PIXELS } from './coverage';
import { stepFor, ticksOf } from './ticks';
import { bounded, following, panned, pinched, SPAN_MAX, SPAN_MIN, spanOf, toTime, toX, zoomed } from './view';

const noon = Date.UTC(2026, 10, 22, 9);

describe('the view', () => {
  const view = { start: noon, end: noon + HOUR };

  test('maps pixels to moments and back', () => {
    expect(toX(view, 1200, noon + HOUR / 2)).toBe(600);
    expect(toTime(view, 1200, 600)).toBe(noon + HOUR / 2);
  });

  test('zooms around the pointer, from a second to a month and no further', () => {
    const at = noon + 20 * MINUTE;
    const near = zoomed(view, 0.5, at);
    expect(toX(near, 1200, at)).toBeCloseTo(toX(view, 1200, at));
    expect(spanOf(near)).toBe(HOUR / 2);
    expect(spanOf(zoomed(view, 1e-9, at))).toBeCloseTo(SPAN_MIN);
    expect(spanOf(zoomed(view, 1e9, at))).toBe(SPAN_MAX);
  });

  test('stays where there is something to see', () => {
    expect(bounded(panned(view, DAY), noon + HOUR, null).end).toBe(noon + HOUR + HOUR / 2);
    expect(bounded(panned(view, -DAY), noon, noon).end).toBe(noon);
    expect(bounded(view, noon + HOUR, noon)).toBe(view);
  });

  test('turns the page for a running playhead', () => {
    expect(following(view, noon + HOUR / 2)).toBe(view);
    const next = following(view, noon + 0.96 * HOUR);
    expect(next.start).toBeGreaterThan(view.start);
    expect(spanOf(next)).toBe(HOUR);
  });

  test('follows two fingers', () => {
    const pinch = pinched(1000, 250, 750, noon, noon + 1000);
    expect(pinch).toEqual({ start: noon - 500, end: noon + 1500 });
    expect(pinched(1000, 500, 502, noon, noon + 1000)).toBeNull();
  });
});

describe('ticks', () => {
  test('are round and never touch, at every zoom', () => {
    for (let span = SECOND; span <= 31 * DAY; span *= 1.37) {
      const ticks = ticksOf({ start: noon, end: noon + span }, 1400, 'Europe/Istanbul', 'tr', 96);
      const labelled = ticks.filter((tick) => tick.label !== '');
      expect(labelled.length).toBeGreaterThan(0);
      expect(labelled.length).toBeLessThan(18);
      for (const [i, tick] of labelled.entries()) {
        const next = labelled[i + 1];
        if (next !== undefined) expect(((next.at - tick.at) / span) * 1400).toBeGreaterThan(45);
      }
    }
  });

  test('name the day where it begins, in the site zone', () => {
    const ticks = ticksOf({ start: noon, end: noon + DAY }, 1400, 'Europe/Istanbul', 'tr', 96);
    const day = ticks.find((tick) => tick.isDay);
    expect(day).toEqual({ at: Date.UTC(2026, 10, 22, 21), label: '23 Kas Pzt', isDay: true });
  });

  test('keep round local times on the days on which clocks change', () => {
    for (const start of [Date.UTC(2026, 2, 28, 23), Date.UTC(2026, 9, 24, 22)]) {
      const ticks = ticksOf({ start, end: start + 26 * HOUR }, 1400, 'Europe/Berlin', 'en', 96);
      const hours = ticks.filter((tick) => !tick.isDay && tick.at > start + 6 * HOUR);
      for (const { at } of hours) expect(Number(formatClock(at, 'Europe/Berlin').slice(0, 2)) % 2).toBe(0);
    }
  });

  test('have steps for every span', () => {
    expect(stepFor(SECOND, 1400, 96)).toBe(100);
    expect(stepFor(31 * DAY, 300, 96)).toBe(10 * DAY);
  });
});

function timeline(start: number, end: number, gaps: Timeline['gaps'] = []): Timeline {
  const spans = [{ start, end: gaps[0]?.start ?? end }];
  return { start, end, first: 0, spans, gaps, activity: [], holds: [], events: [] };
}

describe('content', () => {
  const gap = (start: number, end: number, cause = 'silent') => ({ start, end, cause, detail: '' });

  test('joins a gap that tiles cut in two, and keeps causes apart', () => {
    const cut = [timeline(0, 100, [gap(80, 100)]), timeline(100, 200, [gap(100, 130), gap(130, 140, 'refused')])];
    expect(mergedGaps(cut, 1)).toEqual([gap(80, 130), gap(130, 140, 'refused')]);
  });

  test('knows what is under the pointer, narrow gaps too', () => {
    const known = [timeline(0, 100, [gap(80, 81)])];
    const gaps = mergedGaps(known, 0);
    expect(momentAt(known, gaps, 10, 5).kind).toBe('footage');
    expect(momentAt(known, gaps, 77, 5).kind).toBe('gap');
    expect(momentAt(known, gaps, 95, 5).kind).toBe('nothing');
    expect(momentAt(known, gaps, 500, 5).kind).toBe('unknown');
  });
});

describe('events', () => {
  test('stand once, in order, as long as the newest answer knows', () => {
    const event = (id: number, start: number, end: number) => ({ id, start, end, kind: 'motion', detail: '' });
    const tile = (start: number, end: number, events: Timeline['events']): Timeline => ({
      start, end, first: 0, spans: [], gaps: [], activity: [], holds: [], events,
    });
    const tiles = [tile(0, 100, [event(1, 10, 90), event(2, 50, 100)]), tile(100, 200, [event(2, 50, 130)])];
    expect(mergedEvents(tiles.toReversed())).toEqual([event(1, 10, 90), event(2, 50, 130)]);
  });
});

describe('coverage', () => {
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

  function tracked(now: { at: number }): { coverage: Coverage; asked: string[] } {
    const asked: string[] = [];
    const ask = (start: number, end: number): Promise<Timeline> => {
      asked.push(`${start}-${end}`);
      return Promise.resolve(timeline(start, end));
    };
    return { coverage: new Coverage(ask, () => undefined, () => now.at), asked };
  }

  test('asks for aligned tiles, once when they are settled', async () => {
    const now = { at: noon + 30 * DAY };
    const { coverage, asked } = tracked(now);
    const view = { start: noon, end: noon + HOUR };
    for (let i = 0; i < 5; i += 1) {
      coverage.show(view, 1400);
      await settle();
    }
    expect(asked.length).toBe(tilesOf(view, levelFor(HOUR / 1400)).length);
    const span = TILE_PIXELS * 2 ** levelFor(HOUR / 1400);
    for (const tile of asked) expect(Number(tile.split('-')[0]) % span).toBe(0);
    expect(coverage.nextLook(view, 1400)).toBeNull();
  });

  test('asks again for what reaches the present', async () => {
    const now = { at: noon + HOUR };
    const { coverage, asked } = tracked(now);
    const view = { start: noon + HOUR - MINUTE, end: noon + HOUR };
    for (let i = 0; i < 4; i += 1) {
      coverage.show(view, 1400);
      await settle();
    }
    const first = asked.length;
    now.at += 1500;
    coverage.show(view, 1400);
    await settle();
    expect(asked.length).toBeGreaterThan(first);
    expect(coverage.nextLook(view, 1400)).toBe(1000);
  });

  test('says why an answer is missing and tries again later', async () => {
    let calls = 0;
    const now = { at: noon };
    const coverage = new Coverage(
      () => {
        calls += 1;
        return Promise.reject(new TypeError('Failed to fetch'));
      },
      () => undefined,
      () => now.at,
    );
    const view = { start: noon - HOUR, end: noon };
    coverage.show(view, 1000);
    await settle();
    expect(coverage.failure).toBe('network');
    const before = calls;
    coverage.show(view, 1000);
    expect(calls).toBe(before);
    now.at += 5000;
    coverage.show(view, 1000);
    expect(calls).toBeGreaterThan(before);
  });
});
