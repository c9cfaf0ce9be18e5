// The few words a timeline says. Pages hand over the causes in plain words from their dictionary.

import type { Lang } from '../../lib/time';

export interface TimelineLabels {
  /** Name for screen readers. */
  readonly timeline: string;
  readonly now: string;
  readonly gap: string;
  /** At a moment with neither footage nor a known gap. */
  readonly nothing: string;
  readonly failed: string;
  /** By code (`unreachable`, …); a code without words is shown itself. */
  readonly causes: Readonly<Record<string, string>>;
}

export const DEFAULT_LABELS: Record<Lang, TimelineLabels> = {
  tr: {
    timeline: 'Zaman çizgisi',
    now: 'şimdi',
    gap: 'Boşluk',
    nothing: 'Kayıt yok',
    failed: 'Kayıtlar okunamadı; yeniden denenecek',
    causes: {},
  },
  en: {
    timeline: 'Timeline',
    now: 'now',
    gap: 'Gap',
    nothing: 'No footage',
    failed: 'The recordings could not be read; trying again',
    causes: {},
  },
};
