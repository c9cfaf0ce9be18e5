// The In and Out marks: a span somebody chose on the timeline, of which one end may still be open.
// Pure.

import { SECOND } from './time';

/** Milliseconds since 1970; if both are set, `out` is after `in`. */
export interface Marks {
  readonly in: number | null;
  readonly out: number | null;
}

export const NO_MARKS: Marks = { in: null, out: null };

/** The shortest span two marks make; a picture takes about 40 ms. */
const LEAST = 1;

/** In moved to `at`; an Out that would not be after it goes. */
export function withIn(marks: Marks, at: number): Marks {
  return { in: at, out: marks.out !== null && marks.out - at >= LEAST ? marks.out : null };
}

/** Out moved to `at`; an In that would not be before it goes. */
export function withOut(marks: Marks, at: number): Marks {
  return { in: marks.in !== null && at - marks.in >= LEAST ? marks.in : null, out: at };
}

export function isMarked(marks: Marks): boolean {
  return marks.in !== null || marks.out !== null;
}

/** The marked span, or null while an end is open. */
export function markedSpan(marks: Marks): { readonly start: number; readonly end: number } | null {
  return marks.in === null || marks.out === null ? null : { start: marks.in, end: marks.out };
}

/** About how many bytes a span takes at a bit rate; null when the rate is not known. */
export function bytesOf(span: number, bitsPerSecond: number | null): number | null {
  return bitsPerSecond === null || bitsPerSecond <= 0 ? null : ((span / SECOND) * bitsPerSecond) / 8;
}
