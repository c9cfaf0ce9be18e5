// What people read of steering: troubles in sentences, commands in words.

import { t } from '../i18n/language.svelte';
import { isKey } from '../i18n/words';
import type { PtzFacts, PtzProblem } from './server';

/** Why something was not done, in one sentence. */
export function sentenceOf(problem: PtzProblem): string {
  if (problem.code === 'steered') return t('ptz.steered', { name: problem.by });
  if (problem.code === 'purpose_required') return t('ptz.purposeMissing');
  if (problem.status === 0) return t('error.network');
  if (problem.status === 401) return t('ptz.signedOut');
  if (problem.status === 403) return t('ptz.denied');
  if (problem.status === 404) return t('ptz.gone');
  const words = wordsOfTrouble(problem.trouble);
  if (words === null) return t('ptz.failed', { detail: problem.message });
  return problem.trouble === 'fault' ? `${words} (${problem.message})` : words;
}

/** The same where a whole camera is asked: of one that does not turn, that is all there is to say. */
export function troubleOf(told: { readonly facts: PtzFacts | null; readonly problem: PtzProblem | null }): string {
  if (told.problem === null) return '';
  return told.facts === null && told.problem.trouble === 'no_service' ? t('ptz.noService') : sentenceOf(told.problem);
}

/** What is wrong between us and a camera's ONVIF service, and what to do; null for a new word. */
export function wordsOfTrouble(trouble: string): string | null {
  const key = `ptz.trouble.${trouble}`;
  return isKey(key) ? t(key) : null;
}

/** Why a command of the log was not carried out, in a few words. */
export function resultOf(result: string): string {
  const key = `ptz.result.${result}`;
  return t(isKey(key) ? key : 'ptz.result.failed');
}

/** A command of the log, as a verb. */
export function verbOf(command: string): string {
  const key = `ptz.word.${command}`;
  return isKey(key) ? t(key) : command;
}
