// What the server says of a sign-in that did not work, as a key of the words.

import type { Key } from './i18n/words';

const WHY: Readonly<Record<string, Key>> = {
  oidc_flow: 'signin.whyFlow',
  oidc_refused: 'signin.whyRefused',
  oidc_not_asked: 'signin.whyNotAsked',
  oidc_down: 'signin.whyDown',
  oidc_token: 'signin.whyToken',
  no_group: 'signin.whyGroup',
  name_taken: 'signin.whyName',
  directory_down: 'signin.whyDirectory',
  too_many_tries: 'signin.tooManyOver',
};

export function whyKey(code: string | null | undefined): Key | null {
  return code != null && Object.hasOwn(WHY, code) ? (WHY[code] ?? null) : null;
}

/** The word that the way back from the provider left in the address; it is taken out of it. */
export function takeWord(): string | null {
  const url = new URL(location.href);
  const word = url.searchParams.get('signin');
  if (word !== null) {
    url.searchParams.delete('signin');
    history.replaceState(history.state, '', url);
  }
  return word;
}
