// What a lane shows at one view, merged from the server's answers; pure. Answers of neighbouring
// tiles cut a gap in two and coarse stand-ins repeat it: here it is one again.

import type { Gap, Timeline } from '../../lib/media/server';

/** What is known of a moment. */
export type Moment =
  | { readonly kind: 'unknown' | 'nothing' | 'footage' }
  | { readonly kind: 'gap'; readonly gap: Gap };

/** Gaps in order, those of one cause that touch or overlap (within `slack` ms) joined. */
export function mergedGaps(timelines: readonly Timeline[], slack: number): Gap[] {
  const all = timelines.flatMap((timeline) => timeline.gaps);
  all.sort((a, b) => a.start - b.start || b.end - a.end);
  const merged: Gap[] = [];
  for (const gap of all) {
    const last = merged.at(-1);
    if (last?.cause === gap.cause && gap.start - last.end <= slack) {
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
