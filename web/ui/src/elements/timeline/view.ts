// The span of time that a timeline shows, and how people move it. Pure.

import { DAY, SECOND } from '../../lib/time';

/** Milliseconds since 1970; `end` > `start`. */
export interface View {
  readonly start: number;
  readonly end: number;
}

export const SPAN_MIN = SECOND;
export const SPAN_MAX = 31 * DAY;

export function spanOf(view: View): number {
  return view.end - view.start;
}

/** Where `at` lies on an axis `width` pixels wide. */
export function toX(view: View, width: number, at: number): number {
  return ((at - view.start) / spanOf(view)) * width;
}

/** The moment under pixel `x`. */
export function toTime(view: View, width: number, x: number): number {
  return view.start + (x / width) * spanOf(view);
}

/** A view of `span` in which `at` stays where it was, `fraction` of the way along. */
export function around(at: number, fraction: number, span: number): View {
  const bounded = Math.min(SPAN_MAX, Math.max(SPAN_MIN, span));
  const start = at - fraction * bounded;
  return { start, end: start + bounded };
}

/** Shows `factor` times as much (less than 1: nearer), with the moment `at` staying in place. */
export function zoomed(view: View, factor: number, at: number): View {
  return around(at, (at - view.start) / spanOf(view), spanOf(view) * factor);
}

export function panned(view: View, by: number): View {
  return { start: view.start + by, end: view.end + by };
}

/**
 * Keeps some of the past on screen: the view may run past `now` by half its span (so that the
 * newest is not glued to the edge), and not before `oldest` by more than its span.
 */
export function bounded(view: View, now: number, oldest: number | null): View {
  const span = spanOf(view);
  const latest = now + span / 2;
  if (view.end > latest) return { start: latest - span, end: latest };
  if (oldest !== null && view.end < oldest) return { start: oldest - span, end: oldest };
  return view;
}

/** The view turned like a page when a running playhead leaves it; else the same object. */
export function following(view: View, playhead: number): View {
  const place = (playhead - view.start) / spanOf(view);
  if (place >= 0 && place <= 0.95) return view;
  return around(playhead, place < 0 ? 0.9 : 0.1, spanOf(view));
}

/** A pinch: two moments stay under two fingers. */
export function pinched(width: number, x1: number, x2: number, t1: number, t2: number): View | null {
  if (Math.abs(x2 - x1) < 8 || t1 === t2) return null;
  const perPixel = (t2 - t1) / (x2 - x1);
  if (perPixel <= 0) return null;
  return around((t1 + t2) / 2, (x1 + x2) / 2 / width, perPixel * width);
}
