// How a camera is, in one word for its sign and in reasons for people: pure, from the API's facts.

import type { Camera } from './api';
import { checkWords, troubles } from './checkup';
import { isKey, type Key } from './i18n/words';
import { DAY } from './time';

/** `ok` round and green, `warn` a diamond, `bad` a square, `off` a ring. */
export type Level = 'ok' | 'warn' | 'bad' | 'off';

/** What is not as it should be: words for what, and for what to do about it. */
export interface Reason {
  readonly what: Key;
  readonly todo: Key | null;
  /** Milliseconds, for the words that name an offset. */
  readonly offset?: number;
  /** For a clock that was never set: the year it shows. */
  readonly year?: number;
  /** Which check says so, and since when. */
  readonly check?: string;
  readonly since?: string | null;
  /** Why, in a word of its ONVIF service: it has a sentence that says more than `todo`. */
  readonly trouble?: string | undefined;
}

export interface Condition {
  readonly level: Level;
  readonly reasons: readonly Reason[];
}

/** A camera's clock further off than this misleads whoever reads the time burnt into the picture. */
export const CLOCK_WARN_MS = 2_000;

/** Further off it was never set, or what its stream counts is no clock: the check knows which. */
const CLOCK_ABSURD_MS = 366 * DAY;

const LEVELS: Readonly<Record<Camera['state'], Level>> = {
  recording: 'ok',
  streaming: 'ok',
  waiting: 'ok',
  connecting: 'warn',
  failed: 'bad',
  off: 'off',
  stopped: 'bad',
};

/** The reason a cause gives; an unknown word (a newer server's) gives the state's own. */
export function reasonOf(cause: string | null, state: Camera['state']): Reason {
  const what = `cause.${cause ?? ''}.what`;
  const todo = `cause.${cause ?? ''}.todo`;
  if (isKey(what) && isKey(todo)) return { what, todo };
  return { what: `state.${state}.what`, todo: null };
}

/** The short name of a cause, or null for one this console does not know. */
export function causeKey(cause: string): Key | null {
  const key = `cause.${cause}`;
  return isKey(key) ? key : null;
}

/** What its state is called: one that waits says for what. */
export function stateKey(camera: Camera): Key {
  const key = `state.waiting.${camera.streams.main?.cause ?? ''}`;
  return camera.state === 'waiting' && isKey(key) ? key : `state.${camera.state}`;
}

export function conditionOf(camera: Camera): Condition {
  const level = LEVELS[camera.state];
  if (camera.state === 'connecting') {
    const cause = camera.problem_code;
    if (cause === null || cause === 'connecting') {
      return { level, reasons: [{ what: 'warn.connecting', todo: 'warn.connecting.todo' }] };
    }
    return { level, reasons: [reasonOf(cause, camera.state)] };
  }
  if (level === 'off') return { level, reasons: [] };
  if (level === 'bad') {
    // Of a recorder that says nothing one does not know whether somebody stopped it or it fell.
    if (camera.state === 'stopped') {
      return { level, reasons: [{ what: 'state.stopped.what', todo: 'cause.recorder_stopped.todo' }] };
    }
    return { level, reasons: [reasonOf(camera.problem_code, camera.state)] };
  }
  const warnings = warningsOf(camera);
  return { level: warnings.length > 0 ? 'warn' : level, reasons: warnings };
}

/** The camera's clock minus the server's, ms: by its stream, else by the check that asks the camera. */
export function clockOffsetOf(camera: Camera): number | null {
  const byStream = camera.clock_offset_ms;
  if (byStream !== null && Math.abs(byStream) <= CLOCK_ABSURD_MS) return byStream;
  const found = camera.checkup?.checks.find(({ check, state }) => check === 'clock' && state === 'sick');
  return found?.value == null ? null : found.value * 1000;
}

/** The year that a clock shows that was never set; null for one that is only wrong. */
export function yearShown(offset: number, now: number): number | null {
  return Math.abs(offset) > CLOCK_ABSURD_MS ? new Date(now + offset).getUTCFullYear() : null;
}

function warningsOf(camera: Camera): Reason[] {
  const reasons: Reason[] = [];
  const offset = clockOffsetOf(camera);
  const year = offset === null ? null : yearShown(offset, Date.now());
  if (year !== null) {
    reasons.push({ what: 'warn.clockYear', todo: 'warn.clock.todo', year });
  } else if (offset !== null && Math.abs(offset) > CLOCK_WARN_MS) {
    reasons.push({ what: 'warn.clock', todo: 'warn.clock.todo', offset: Math.abs(offset) });
  }
  if (camera.streams.sub?.state === 'failed') {
    reasons.push({ what: 'warn.sub', todo: 'warn.sub.todo' });
  }
  for (const { check, since, trouble } of troubles(camera.checkup)) {
    const words = checkWords(check);
    if (words !== null) reasons.push({ ...words, check, since, trouble });
  }
  return reasons;
}

export interface Counts {
  readonly recording: number;
  readonly warn: number;
  readonly bad: number;
  readonly total: number;
}

/** The numbers of the top bar; a camera with a warning is recorded all the same. */
export function countsOf(cameras: readonly Camera[]): Counts {
  const levels = cameras.map((camera) => conditionOf(camera).level);
  return {
    recording: cameras.filter((camera) => camera.state === 'recording').length,
    warn: levels.filter((level) => level === 'warn').length,
    bad: levels.filter((level) => level === 'bad').length,
    total: cameras.length,
  };
}
