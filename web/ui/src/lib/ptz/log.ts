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

/** Without the stops that end the movement before them, by whoever moved: its line says until when. */
export function withoutStops(log: readonly LoggedCommand[]): readonly LoggedCommand[] {
  return log.filter((one, index) => {
    const before = log[index + 1];
    return before === undefined || !(one.command === 'stop' && one.result === 'done' && ends(one, before));
  });
}

function ends(stop: LoggedCommand, move: LoggedCommand): boolean {
  if (move.command !== 'move' || move.result !== 'done' || move.operator !== stop.operator) return false;
  return move.until !== null && Math.abs(parseInstant(stop.at) - parseInstant(move.until)) < SECOND;
}
