// Why the server refuses a change of one's own account, in words.

import type { ApiError } from '../../lib/api';
import { failed } from '../../lib/failed.svelte';
import { t } from '../../lib/i18n/language.svelte';

export function told(failure: ApiError): string {
  if (failure.status === 429) return t('acc.tooMany');
  if (failure.code === 'wrong_credentials') return t('acc.wrongPassword');
  if (failure.code === 'wrong_code') return t('acc.wrongCode');
  if (failure.code === 'code_asked') return t('signin.codeAsked');
  if (failure.code === 'sign_in_again') return t('acc.again');
  if (failure.code === 'external') return t('acc.elsewhere');
  return failed(failure);
}
