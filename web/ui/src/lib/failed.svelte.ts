// Why something did not work, in the reader's words where it was the network, else in the server's.

import type { ApiError } from './api';
import { t } from './i18n/language.svelte';

export function failed(failure: ApiError): string {
  return t('form.failed', { detail: detailOf(failure) });
}

function detailOf(failure: ApiError): string {
  if (failure.status === 0) return t('error.network');
  return failure.status === -1 ? t('error.late') : failure.message;
}
