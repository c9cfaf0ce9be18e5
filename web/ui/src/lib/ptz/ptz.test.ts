import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { COMMAND_EVERY_MS, Driver, RENEW_EVERY_MS } from './driver';
import { isStill, pictureShare, speedOfDrag, speedOfKeys, speedOfPad, speedOfPads, STILL, type Speed } from './speed';

const RIGHT: Speed = { pan: 1, tilt: 0, zoom: 0 };

describe('what hands mean', () => {
  test('keys add up, opposite ones cancel, Shift is fast', () => {
    expect(speedOfKeys(['ArrowLeft', 'ArrowUp'], true)).toEqual({ pan: -1, tilt: 1, zoom: 0 });
    expect(speedOfKeys(['ArrowLeft'], false).pan).toBeGreaterThan(-1);
    expect(isStill(speedOfKeys(['ArrowLeft', 'ArrowRight'], true))).toBe(true);
    expect(speedOfKeys(['+'], true).zoom).toBe(1);
  });

  test('a drag is slow near its beginning and never faster than full', () => {
    expect(speedOfDrag(1000, 0, 500)).toEqual(RIGHT);
    expect(speedOfDrag(0, -40, 500).tilt).toBeGreaterThan(0);
    expect(speedOfDrag(40, 0, 500).pan).toBeLessThan(0.1);
  });

  test('a stick that is not touched trembles and turns nothing', () => {
    expect(isStill(speedOfPad({ mapping: 'standard', axes: [0.1, -0.12, 0, 0.05], buttons: [] }))).toBe(true);
    const buttons = Array.from({ length: 8 }, (_, index) => ({ value: index === 7 ? 1 : 0 }));
    expect(speedOfPad({ mapping: 'standard', axes: [1, -1, 0, 0], buttons })).toEqual({ pan: 1, tilt: 1, zoom: 1 });
  });

  test('of several gamepads the one that is held steers, and without one nothing does', () => {
    const pad = (pan: number, mapping = 'standard') => ({ mapping, axes: [pan, 0, 0, 0], buttons: [] });
    expect(speedOfPads([null, pad(0), pad(1)])).toEqual(RIGHT);
    expect(speedOfPads([pad(0)])).toEqual(STILL);
    expect(speedOfPads([null, pad(1, '')])).toBeNull();
  });

  test('a click beside the picture means nothing', () => {
    const box = { width: 200, height: 100 };
    expect(pictureShare(100, 50, box, 16 / 9)).toEqual({ x: 0.5, y: 0.5 });
    expect(pictureShare(2, 50, box, 1)).toBeNull();
    expect(pictureShare(50, 0, box, 1)).toEqual({ x: 0, y: 0 });
  });
});

describe('commands to a camera', () => {
  let sent: string[];
  let ends: ((turns: boolean) => void)[];
  let slow: boolean;
  let turns: boolean;
  let driver: Driver;

  beforeEach(() => {
    vi.useFakeTimers();
    sent = [];
    ends = [];
    slow = false;
    turns = true;
    driver = new Driver({
      move: (speed) => {
        sent.push(`move ${String(speed.pan)}`);
        return slow ? new Promise((resolve) => ends.push(resolve)) : Promise.resolve(turns);
      },
      stop: () => {
        sent.push('stop');
        return Promise.resolve();
      },
    });
  });
  afterEach(() => vi.useRealTimers());

  test('go out at once, at most ten a second, the newest first', async () => {
    for (let tick = 0; tick < 100; tick += 1) {
      driver.hold({ pan: (tick + 1) / 100, tilt: 0, zoom: 0 });
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(sent[0]).toBe('move 0.01');
    expect(sent.length).toBeLessThanOrEqual(1000 / COMMAND_EVERY_MS + 1);
    await vi.advanceTimersByTimeAsync(COMMAND_EVERY_MS);
    expect(sent.at(-1)).toBe('move 1');
  });

  test('are renewed while something is held, and stopped once when it is not', async () => {
    driver.hold(RIGHT);
    await vi.advanceTimersByTimeAsync(3 * RENEW_EVERY_MS + 10);
    expect(sent).toEqual(['move 1', 'move 1', 'move 1', 'move 1']);
    driver.hold(STILL);
    driver.release();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(sent.filter((one) => one === 'stop')).toHaveLength(1);
    expect(sent.at(-1)).toBe('stop');
  });

  test('a slow camera gets one at a time, and a stop again after a move that was under way', async () => {
    slow = true;
    driver.hold(RIGHT);
    driver.hold({ pan: 0.5, tilt: 0, zoom: 0 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sent).toEqual(['move 1']);
    driver.release();
    expect(sent).toEqual(['move 1', 'stop']);
    ends[0]?.(true);
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual(['move 1', 'stop', 'stop']);
    expect(driver.busy).toBe(false);
  });

  test('one that was refused is not said again and again, and needs no stop', async () => {
    turns = false;
    driver.hold(RIGHT);
    await vi.advanceTimersByTimeAsync(3 * RENEW_EVERY_MS);
    driver.release();
    expect(sent).toEqual(['move 1']);
  });

  test('what is let go and held again while a move is under way goes on at once', async () => {
    slow = true;
    driver.hold(RIGHT);
    driver.release();
    driver.hold(RIGHT);
    ends[0]?.(true);
    await vi.advanceTimersByTimeAsync(COMMAND_EVERY_MS);
    expect(sent).toEqual(['move 1', 'stop', 'move 1']);
  });

  test('its end waits for what is under way and for the stop after it, and nothing comes behind', async () => {
    slow = true;
    driver.hold(RIGHT);
    let ended = false;
    void driver.end().then(() => (ended = true));
    await vi.advanceTimersByTimeAsync(10);
    expect(ended).toBe(false);
    driver.hold(RIGHT);
    ends[0]?.(true);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(ended).toBe(true);
    expect(sent).toEqual(['move 1', 'stop', 'stop']);
  });
});
