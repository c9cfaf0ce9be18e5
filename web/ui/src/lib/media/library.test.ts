import { describe, expect, test } from 'vitest';
import { horizonOf } from './filling';
import { chunkEnd, fragmentAt, keyAtOrAfter, keyAtOrBefore, Library, placeIn, WINDOW } from './library';
import type { Fragment, Media, Segment } from './server';

function fragments(count: number, gop = 2): Fragment[] {
  return Array.from({ length: count }, (_, i) => ({ offset: i * 1000, at: 100 + i * 50, size: 50, key: i % gop === 0 }));
}

function segment(start: number, seconds: number, open = false): Segment {
  return {
    id: `gate.main.${start}`,
    start,
    end: start + seconds * 1000,
    videoCodec: 'avc1.64001F',
    audioCodec: null,
    url: `/${start}.mp4`,
    initLength: 100,
    fragments: fragments(seconds),
    open,
  };
}

const never = new AbortController().signal;

describe('fragments', () => {
  test('are found by time and by keyframe', () => {
    const list = fragments(5);
    expect([-1, 0, 999, 1000, 9999].map((offset) => fragmentAt(list, offset))).toEqual([-1, 0, 0, 1, 4]);
    expect(keyAtOrBefore(list, 3)).toBe(2);
    expect(keyAtOrAfter(list, 3)).toBe(4);
    expect(keyAtOrAfter(list, 5)).toBe(-1);
  });

  test('are fetched together as far as they abut, within time and size', () => {
    const one = segment(0, 10);
    expect(chunkEnd(one, 0, 3000, 1e9)).toBe(3);
    expect(chunkEnd(one, 8, 30_000, 1e9)).toBe(10);
    expect(chunkEnd(one, 0, 30_000, 120)).toBe(2);
    expect(chunkEnd(one, 0, 30_000, 1)).toBe(1);
    const torn = { ...one, fragments: one.fragments.map((f, i) => (i > 4 ? { ...f, at: f.at + 9 } : f)) };
    expect(chunkEnd(torn, 0, 30_000, 1e9)).toBe(5);
  });
});

describe('places', () => {
  const media: Media = { segments: [segment(1000, 6), segment(7000, 6), segment(30_000, 6)], next: 90_000 };

  test('lie in footage, in a gap, or beyond the end', () => {
    expect(placeIn(media, 0)).toEqual({ kind: 'gap', to: 1000 });
    expect(placeIn(media, 1500)).toMatchObject({ kind: 'footage', index: 0 });
    expect(placeIn(media, 7000)).toMatchObject({ kind: 'footage', segment: { start: 7000 }, index: 0 });
    expect(placeIn(media, 13_000)).toEqual({ kind: 'gap', to: 30_000 });
    expect(placeIn(media, 36_000)).toEqual({ kind: 'gap', to: 90_000 });
    expect(placeIn({ ...media, next: null }, 36_000)).toEqual({ kind: 'end' });
  });

  test('playing ahead counts footage, not the hole in it', () => {
    const holes = [{ start: 10_000, end: 600_000 }];
    expect(horizonOf(0, 30_000, holes)).toBe(620_000);
    expect(horizonOf(0, 5000, holes)).toBe(5000);
    expect(horizonOf(700_000, 30_000, holes)).toBe(730_000);
    expect(horizonOf(500_000, 30_000, holes)).toBe(630_000);
  });
});

describe('the library', () => {
  const settled = 100 * WINDOW;

  function asking(answer: () => Media, clock: { now: number }): { library: Library; asked: number[] } {
    const asked: number[] = [];
    const ask = (start: number): Promise<Media> => {
      asked.push(start);
      return Promise.resolve(answer());
    };
    return { library: new Library(ask, () => clock.now), asked };
  }

  test('asks once for what no longer changes', async () => {
    const { library, asked } = asking(() => ({ segments: [segment(0, 60)], next: WINDOW }), { now: settled });
    for (const at of [0, 30_000, 59_000, 100_000]) await library.locate(at, never);
    expect(asked).toEqual([0]);
  });

  test('asks again for what can have grown, and only when it matters', async () => {
    const clock = { now: 30_000 };
    const { library, asked } = asking(() => ({ segments: [segment(0, 20, true)], next: null }), clock);
    await library.locate(5000, never);
    clock.now += 2000;
    await library.locate(6000, never);
    expect(asked.length).toBe(1);
    await library.locate(25_000, never);
    expect(asked.length).toBe(2);
    await library.locate(25_000, never);
    expect(asked.length).toBe(2);
    clock.now += 2000;
    await library.locate(6000, never, true);
    expect(asked.length).toBe(3);
  });

  test('stays small however long one looks', async () => {
    const { library } = asking(() => ({ segments: [], next: 1e12 }), { now: 1e12 });
    for (let i = 0; i < 500; i += 1) await library.locate(i * WINDOW, never);
    expect(library.size).toBeLessThanOrEqual(24);
  });
});
