// What people read of steering: troubles in sentences, commands in words.

import { t } from '../i18n/language.svelte';
import { isKey } from '../i18n/words';
import type { PtzProblem } from './server';

/** Why something was not done, in one sentence. */
export function sentenceOf(problem: PtzProblem): string {
  if (problem.code === 'steered') return t('ptz.steered', { name: problem.by });
  if (problem.code === 'purpose_required') return t('ptz.purposeMissing');
  const key = `ptz.trouble.${problem.trouble}`;
  if (isKey(key)) return t(key, { detail: problem.message });
  return t('ptz.failed', { detail: problem.message });
}

/** A command of the log, as a verb. */
export function verbOf(command: string): string {
  const key = `ptz.word.${command}`;
  return isKey(key) ? t(key) : command;
}
