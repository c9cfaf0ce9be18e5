// How a person likes to search for activity: kept in the browser, without the stretch.

import { SENSITIVITIES, TELLERS, type Wanted } from './sightings';

const STORED = 'vms.sightings';

// Motion is what people mean by "something happened"; other events they look for on the timeline.
const FIRST = 'usual camera zones';

type Choice = Pick<Wanted, 'sensitivity' | 'tellers'>;

/** What was kept, as far as it is still a choice. Pure. */
export function choiceOf(text: string | null): Choice {
  const words = (text ?? FIRST).split(' ');
  return {
    sensitivity: SENSITIVITIES.find((one) => one === words[0]) ?? 'usual',
    tellers: TELLERS.filter((one) => words.slice(1).includes(one)),
  };
}

export const chosenSearch = {
  read: (): Choice => choiceOf(localStorage.getItem(STORED)),
  keep: ({ sensitivity, tellers }: Choice): void => localStorage.setItem(STORED, [sensitivity, ...tellers].join(' ')),
};
