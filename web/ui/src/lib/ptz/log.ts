// Steering's log as it is shown: pages put together, and a movement with its stop as one. Pure.

import { parseInstant, SECOND } from '../time';
import type { LoggedCommand } from './server';

/** What is known with what was asked for anew: each line once, as it is now, the newest first. */
export function merged(known: readonly LoggedCommand[], fresh: readonly LoggedCommand[]): LoggedCommand[] {
  const lines = new Map([...known, ...fresh].map((one) => [one.number, one]));
  return [...lines.values()].sort((one, other) => other.number - one.number);
}

/** Whether two pages have a line in common; else there may be others between them. */
export function meet(known: readonly LoggedCommand[], fresh: readonly LoggedCommand[]): boolean {
  const numbers = new Set(known.map((one) => one.number));
  return fresh.some((one) => numbers.has(one.number));
}

/** Without the stops that end the movement before them, by whoever moved: its line says until when.
 * `camera`: of a log of several, each line's. */
export function withoutStops<Line extends LoggedCommand>(
  log: readonly Line[],
  camera: (line: Line) => string = () => '',
): readonly Line[] {
  const before = new Map<string, Line>(); // the newest of each camera that is older than the line looked at
  const kept: Line[] = [];
  for (const one of [...log].reverse()) {
    const last = before.get(camera(one));
    if (last === undefined || !(one.command === 'stop' && one.result === 'done' && ends(one, last))) kept.push(one);
    before.set(camera(one), one);
  }
  return kept.reverse();
}

function ends(stop: LoggedCommand, move: LoggedCommand): boolean {
  if (move.command !== 'move' || move.result !== 'done' || move.operator !== stop.operator) return false;
  return move.until !== null && Math.abs(parseInstant(stop.at) - parseInstant(move.until)) < SECOND;
}
