import { describe, expect, it } from 'vitest';
import { LEAD, nextOf } from './gaps';
import { moment, sinceMoment, spanSince } from './moments';
import { bitRate, byteSize, codecName, frameRate, picture, pictureSize, signedOffset } from './numbers';
import { cameraPath, routeOf } from './route';
import { snapshotName } from './snapshot';

const ZONE = 'Europe/Istanbul';
const NOON = Date.UTC(2026, 10, 22, 9, 0, 0);

describe('moments', () => {
  it('have a date only when it is not today in the site’s zone', () => {
    expect(moment(NOON - 60_000, NOON, ZONE, 'tr')).toBe('11:59:00');
    expect(moment(NOON - 13 * 3_600_000, NOON, ZONE, 'tr')).toBe('21.11.2026 23:00:00');
    expect(sinceMoment(NOON - 60_000, NOON, ZONE, 'tr')).toBe('11:59:00’dan');
    expect(sinceMoment(NOON - 60_000, NOON, ZONE, 'en')).toBe('11:59:00');
  });

  it('never lie in the future', () => {
    expect(spanSince(NOON + 900, NOON, 'tr')).toBe('0 sn');
    expect(spanSince(NOON - 627_400, NOON, 'tr')).toBe('10 dk 27 sn');
  });
});

describe('numbers', () => {
  it('are written as each language does', () => {
    expect(frameRate(25, 'tr')).toBe('25,0');
    expect(bitRate(4_020_000, 'en')).toBe('4.02 Mbit/s');
    expect(bitRate(350_000, 'tr')).toBe('350 kbit/s');
    expect(byteSize(8e12, 'tr')).toBe('8,0 TB');
    expect(byteSize(512e9, 'en')).toBe('512 GB');
    expect(signedOffset(-3000, 'tr')).toBe('−3 sn');
    expect(signedOffset(0.2, 'en')).toBe('±0 ms');
    expect(codecName('h265')).toBe('H.265');
    expect(pictureSize(null, 1080)).toBe('—');
    expect(picture(null, null, null)).toBe('—');
    expect(picture('h265', 640, 360)).toBe('H.265 · 640\u00a0×\u00a0360');
  });
});

describe('snapshots', () => {
  it('are named by camera and time, with the zone', () => {
    expect(snapshotName('gate-north', NOON + 480, ZONE)).toBe('gate-north_2026-11-22_12-00-00-480_UTC+3.jpg');
  });
});

describe('the next gap', () => {
  const gap = (start: number): { start: number; end: number; cause: string; detail: string } => ({
    start,
    end: start + 1000,
    cause: 'silent',
    detail: '',
  });
  const gaps = [gap(100_000), gap(200_000), gap(300_000)];

  it('is the one after, or before, the moment one stands at', () => {
    expect(nextOf(gaps, 150_000, 1)?.start).toBe(200_000);
    expect(nextOf(gaps, 150_000, -1)?.start).toBe(100_000);
  });

  it('is not the one just gone to', () => {
    expect(nextOf(gaps, 200_000 - LEAD, 1)?.start).toBe(300_000);
    expect(nextOf(gaps, 200_000 - LEAD, -1)?.start).toBe(100_000);
    expect(nextOf(gaps, 300_000 - LEAD, 1)).toBeNull();
  });
});

describe('addresses', () => {
  const at = (path: string, query = ''): unknown => routeOf(path, new URLSearchParams(query));

  it('name a page', () => {
    expect(at('/')).toEqual({ page: 'wall' });
    expect(at('/health')).toEqual({ page: 'health' });
    expect(at('/camera')).toEqual({ page: 'camera', id: null, at: null });
    expect(at('/camera/gate-north', 'at=2026-11-22T12:00:00Z')).toEqual({
      page: 'camera',
      id: 'gate-north',
      at: '2026-11-22T12:00:00Z',
    });
  });

  it('that mean nothing are missing pages', () => {
    for (const path of ['/walls', '/health/x', '/camera/a/b']) expect(at(path)).toEqual({ page: 'missing' });
  });

  it('carry a moment safely', () => {
    expect(cameraPath('a', '2026-11-22T12:00:00+03:00')).toBe('/camera/a?at=2026-11-22T12%3A00%3A00%2B03%3A00');
  });
});
