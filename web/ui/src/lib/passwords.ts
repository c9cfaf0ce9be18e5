// What passwords must be, and why the server refuses a new one, as words of the screens. Pure.

import type { Key } from './i18n/words';

/** Characters the password of an export's package has at the least. */
export const PACKAGE_PASSWORD_MIN = 8;

const WHY = ['short', 'long', 'name', 'common', 'same'] as const;

/** The words for a problem's code, `password_common`; null for another problem. */
export function weaknessKey(code: string): Key | null {
  const known = WHY.find((one) => code === `password_${one}`);
  return known === undefined ? null : `pw.${known}`;
}
