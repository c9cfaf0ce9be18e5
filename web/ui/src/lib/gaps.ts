// Gaps as the camera page asks for them: today's list, and the next one in a direction.

import { fetchTimeline, type Gap } from './media/server';
import { DAY } from './time';

// One pixel a second over a day: the server merges to the pixel, and nobody lists shorter ones.
const PIXELS_PER_DAY = 86_400;
// How far to look for the next gap before saying there is none: first near, then wide.
const REACHES = [DAY / 4, 2 * DAY, 31 * DAY];
const PIXELS_MAX = 16_384;
/** Going to a gap means seeing what happened just before it. */
export const LEAD = 3_000;
// Being at a gap's lead already, one wants the next gap and not this one again.
const BESIDE = 1_500;

const CALM = new Set(['deleted', 'not_scheduled', 'no_event', 'privacy', 'hidden']);

/** Not there because somebody wanted it so: unlike every other gap nothing is wrong. */
export function isCalm(gap: Gap): boolean {
  return CALM.has(gap.cause);
}

export async function gapsBetween(camera: string, start: number, end: number, signal: AbortSignal): Promise<readonly Gap[]> {
  const width = Math.min(PIXELS_MAX, Math.ceil(((end - start) / DAY) * PIXELS_PER_DAY));
  return (await fetchTimeline(camera, 'main', start, end, width, signal)).gaps;
}

/** The gap to go to from `at`; going on looks at leads after it, going back at leads before it. Pure. */
export function nextOf(gaps: readonly Gap[], at: number, direction: 1 | -1): Gap | null {
  const leads = gaps.filter((gap) => direction * (gap.start - LEAD - at) > BESIDE);
  return (direction > 0 ? leads[0] : leads.at(-1)) ?? null;
}

export async function nextGap(
  camera: string,
  at: number,
  direction: 1 | -1,
  now: number,
  signal: AbortSignal,
): Promise<Gap | null> {
  for (const reach of REACHES) {
    const far = Math.min(now, at + direction * reach);
    const [start, end] = direction > 0 ? [at, far] : [far, at + LEAD];
    if (end <= start) return null;
    const found = nextOf(await gapsBetween(camera, start, end, signal), at, direction);
    if (found !== null) return found;
    if (direction > 0 && far >= now) return null;
  }
  return null;
}
