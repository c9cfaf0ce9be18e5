// A healthy camera for unit tests; each test says what differs.

import type { Camera, StreamFacts } from './api';

export function aStream(facts: Partial<StreamFacts> = {}): StreamFacts {
  return {
    state: 'recording',
    since: '2026-11-22T08:00:00.000Z',
    codec: 'h264',
    width: 1920,
    height: 1080,
    audio: null,
    fps: 25,
    bitrate: 4_000_000,
    ...facts,
  };
}

export function aCamera(facts: Partial<Camera> = {}): Camera {
  return {
    id: 'gate-north',
    name: 'Kuzey Kapı',
    groups: ['Girişler'],
    record: 'continuous',
    origin: 'file',
    state: 'recording',
    since: '2026-11-22T08:00:00.000Z',
    source: 'native',
    fps: 25,
    bitrate: 4_000_000,
    last_frame: '2026-11-22T11:00:00.000Z',
    clock_offset_ms: 12,
    problem: null,
    problem_code: null,
    detail: null,
    retry_at: null,
    streams: { main: aStream(), sub: aStream({ state: 'streaming', width: 640, height: 360 }) },
    ...facts,
  };
}
