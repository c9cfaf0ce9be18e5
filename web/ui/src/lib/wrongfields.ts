// What is wrong with the fields of a form: found here before sending, and by the server after. Pure.

import type { ApiError } from './api';
import type { Mistakes } from './cameraform';
import type { Key } from './i18n/words';

/** A sentence of the server (English), by its field. */
export type Refusals = Readonly<Record<string, string>>;

export function refusalsOf(error: ApiError): Refusals {
  return Object.fromEntries(
    error.fields.map((one) => [one.field, one.remedy ? `${one.message} (${one.remedy})` : one.message]),
  );
}

/** The words for a field of a camera: what is known here goes before what the server said. */
export function wordsFor(field: string, mistakes: Mistakes, refusals: Refusals, say: (key: Key) => string): string {
  const mistake = mistakes[field];
  if (mistake !== undefined) return say(`cam.${mistake}`);
  const refusal = refusals[field];
  if (refusal === undefined) return '';
  return field === 'password' && refusal.includes('another host') ? say('cam.passwordAgain') : refusal;
}
