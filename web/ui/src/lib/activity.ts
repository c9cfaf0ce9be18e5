// When something happened, as the camera page asks: the next span with activity in a direction.

import { fetchActivity, type Span } from './media/server';
import { DAY } from './time';

// How far to look before saying there is none: first near, then as far as the server searches.
const REACHES = [DAY / 8, 2 * DAY, 30 * DAY];
/** Going there means seeing what happened just before. */
export const LEAD = 2_000;
// Being at a span's lead already, one wants the next and not this one again.
const BESIDE = 1_500;

/** The span to go to from `at`, by where one would land. Pure. */
export function nextSpan(spans: readonly Span[], at: number, direction: 1 | -1): Span | null {
  const leads = spans.filter((span) => direction * (span.start - LEAD - at) > BESIDE);
  return (direction > 0 ? leads[0] : leads.at(-1)) ?? null;
}

export async function nextActivity(
  camera: string,
  at: number,
  direction: 1 | -1,
  now: number,
  signal: AbortSignal,
): Promise<Span | null> {
  for (const reach of REACHES) {
    const far = Math.min(now, at + direction * reach);
    // What reaches over a border is cut there: what begins at `at` already lasts.
    const [start, end] = direction > 0 ? [at, far] : [far, at + LEAD];
    if (end <= start) return null;
    const spans = await fetchActivity(camera, 'main', start, end, direction < 0, signal);
    const found = nextSpan(spans, at, direction);
    if (found !== null) return found;
    if (direction > 0 && far >= now) return null;
  }
  return null;
}
