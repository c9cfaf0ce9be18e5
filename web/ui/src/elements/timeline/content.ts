// What a lane shows at one view, merged from the server's answers; pure. Answers of neighbouring
// tiles cut a gap in two and coarse stand-ins repeat it: here it is one again.

import { isCalm } from '../../lib/gaps';
import type { Gap, Happening, HeldSpan, Timeline } from '../../lib/media/server';

/** What is known of a moment. */
export type Moment =
  | { readonly kind: 'unknown' | 'nothing' | 'footage' }
  | { readonly kind: 'gap'; readonly gap: Gap };

/** Two gaps of the same kind: one cause, and for deletions one rule, which `detail` names. */
function isAlike(a: Gap, b: Gap): boolean {
  return a.cause === b.cause && (!isCalm(a) || a.detail === b.detail);
}

/** Gaps in order, those of one cause that touch or overlap (within `slack` ms) joined. */
export function mergedGaps(timelines: readonly Timeline[], slack: number): Gap[] {
  const all = timelines.flatMap((timeline) => timeline.gaps);
  all.sort((a, b) => a.start - b.start || b.end - a.end);
  const merged: Gap[] = [];
  for (const gap of all) {
    const last = merged.at(-1);
    if (last !== undefined && isAlike(last, gap) && gap.start - last.end <= slack) {
      merged[merged.length - 1] = { ...last, end: Math.max(last.end, gap.end) };
    } else {
      merged.push(gap);
    }
  }
  return merged;
}

/** `timelines`: coarse before fine, as drawn; the last that knows of the moment is right. */
export function momentAt(timelines: readonly Timeline[], gaps: readonly Gap[], at: number, slack: number): Moment {
  const timeline = timelines.findLast((one) => one.start <= at && at < one.end);
  if (timeline === undefined) return { kind: 'unknown' };
  const gap = gaps.find((one) => one.start - slack <= at && at < one.end + slack);
  const isCovered = timeline.spans.some((span) => span.start <= at && at < span.end);
  // A gap narrower than a pixel is still found under the pointer, unless footage is well meant.
  if (gap !== undefined && (!isCovered || gap.end - gap.start < slack * 2)) return { kind: 'gap', gap };
  return { kind: isCovered ? 'footage' : 'nothing' };
}

/** Every hold once, in order: tiles repeat them, and may have cut them to their own span. */
export function mergedHolds(timelines: readonly Timeline[]): HeldSpan[] {
  const found = new Map<string, HeldSpan>();
  for (const hold of timelines.flatMap((timeline) => timeline.holds)) {
    const known = found.get(hold.id);
    const start = Math.min(hold.start, known?.start ?? Infinity);
    const end = Math.max(hold.end, known?.end ?? -Infinity);
    found.set(hold.id, { ...hold, start, end });
  }
  return [...found.values()].sort((a, b) => a.start - b.start);
}

/** Every event once, in order: tiles repeat them, and of one that lasts each says another end. */
export function mergedEvents(timelines: readonly Timeline[]): Happening[] {
  const found = new Map<number, Happening>();
  for (const event of timelines.flatMap((timeline) => timeline.events)) {
    const end = Math.max(event.end, found.get(event.id)?.end ?? -Infinity);
    found.set(event.id, { ...event, end });
  }
  return [...found.values()].sort((a, b) => a.start - b.start);
}
