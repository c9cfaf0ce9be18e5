import { describe, expect, test } from 'vitest';
import { Backoff } from './backoff';
import { paceFor } from './edge';
import { FrameTimes } from './frames';
import { choosePath } from './live';

describe('the path', () => {
  test('is chosen by codec, capability and refusal, and says why', () => {
    expect(choosePath('', true, '')).toEqual({ path: 'webrtc', why: 'h264' });
    expect(choosePath('h264', false, '')).toEqual({ path: 'mse', why: 'no_webrtc' });
    expect(choosePath('h265', true, '')).toEqual({ path: 'mse', why: 'codec' });
    expect(choosePath('h264', true, 'b_frames')).toEqual({ path: 'mse', why: 'b_frames' });
  });
});

describe('the live edge', () => {
  test('is kept by gentle haste and patience, and by a jump when far away', () => {
    expect(paceFor(0.12, 0.12)).toBe(1);
    expect(paceFor(0.25, 0.12)).toBeNaN();
    expect(paceFor(0.9, 0.12)).toBeGreaterThan(1);
    expect(paceFor(0.01, 0.12)).toBeLessThan(1);
    expect(paceFor(-0.5, 0.12)).toBeLessThan(1);
    expect(paceFor(10, 0.12)).toBe('jump');
    expect(paceFor(-10, 0.12)).toBe('jump');
  });
});

describe('waiting', () => {
  test('doubles up to a ceiling, with jitter, and begins anew after a success', () => {
    const backoff = new Backoff(500, 15_000, () => 0.5);
    expect([1, 2, 3].map(() => backoff.next())).toEqual([500, 1000, 2000]);
    for (let i = 0; i < 40; i += 1) backoff.next();
    expect(backoff.next()).toBe(15_000);
    backoff.reset();
    expect(backoff.next()).toBe(500);
    expect(new Backoff(1000, 1000, () => 0).next()).toBe(750);
    expect(new Backoff(1000, 1000, () => 1).next()).toBe(1250);
  });
});

describe('pictures', () => {
  test('are stepped one by one, over fragments, as shown and not as coded', () => {
    const frames = new FrameTimes();
    frames.add([1040, 1000, 1080]);
    frames.add([1160, 1120]);
    expect(frames.step(1080, 1)).toBe(1120);
    expect(frames.step(1079.9, 1)).toBe(1120);
    expect(frames.step(1130, -1)).toBe(1080);
    expect(frames.step(1130, -3)).toBe(1000);
    expect(frames.step(1000, 4)).toBe(1160);
    expect(frames.step(1000, 5)).toBeNull();
    expect(frames.step(1000, -1)).toBeNull();
    expect(frames.step(900, 1)).toBeNull();
    expect(frames.firstFrom(1090)).toBe(1120);
  });

  test('that come again replace themselves, and far ones are forgotten', () => {
    const frames = new FrameTimes();
    for (let i = 0; i < 5000; i += 1) frames.add([i * 1000, i * 1000 + 40]);
    expect(frames.size).toBeLessThanOrEqual(600);
    const before = frames.size;
    frames.add([4_999_000, 4_999_040]);
    expect(frames.size).toBe(before);
    frames.keep(4_990_000, 4_995_000);
    expect(frames.size).toBeLessThan(10);
  });
});
