// Holds as the list shows them: which still hold, and what a search leaves. Pure.

import { fold } from './i18n/words';
import type { Hold } from './keeping';
import { parseInstant } from './time';

/** `over`: nobody lifted it, its time ran out. */
export type HoldState = 'active' | 'lifted' | 'over';
export type Shown = 'active' | 'lifted' | 'all';

export function holdState(hold: Hold, now: number): HoldState {
  const until = parseInstant(hold.until ?? '');
  const hasRunOut = !Number.isNaN(until) && until <= now;
  if (hold.lifted === null) return hasRunOut ? 'over' : 'active';
  return hasRunOut && (hold.lifted_by === null || hold.lifted_by === '') ? 'over' : 'lifted';
}

/** The newest first; `words`: what the screen says of a hold beyond itself, to search in. */
export function shownHolds(
  holds: readonly Hold[],
  shown: Shown,
  query: string,
  now: number,
  words: (hold: Hold) => string,
): Hold[] {
  const wanted = fold(query).split(/\s+/);
  return holds
    .filter((hold) => shown === 'all' || (holdState(hold, now) === 'active') === (shown === 'active'))
    .filter((hold) => {
      const text = fold([hold.camera, hold.reason, hold.made_by, words(hold)].join(' '));
      return wanted.every((word) => text.includes(word));
    })
    .sort((a, b) => parseInstant(b.made) - parseInstant(a.made));
}
