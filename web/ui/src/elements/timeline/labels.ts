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
  readonly hold: string;
  /** `{time}` is put in. */
  readonly holdUntil: string;
  readonly holdOpen: string;
  readonly markIn: string;
  readonly markOut: string;
  /** By code (`unreachable`, …); a code without words is shown itself. */
  readonly causes: Readonly<Record<string, string>>;
  /** By kind (`motion`, …); a kind without words is shown itself. */
  readonly events: Readonly<Record<string, string>>;
  /** What the detail of an event `sick` or `well` names (`covered`, …). */
  readonly checks: Readonly<Record<string, string>>;
}

export const DEFAULT_LABELS: Record<Lang, TimelineLabels> = {
  tr: {
    timeline: 'Zaman çizgisi',
    now: 'şimdi',
    gap: 'Boşluk',
    nothing: 'Kayıt yok',
    failed: 'Kayıtlar okunamadı; yeniden denenecek',
    hold: 'Muhafaza',
    holdUntil: '{time} tarihine kadar',
    holdOpen: 'kaldırılana kadar',
    markIn: 'Giriş',
    markOut: 'Çıkış',
    causes: {},
    events: {},
    checks: {},
  },
  en: {
    timeline: 'Timeline',
    now: 'now',
    gap: 'Gap',
    nothing: 'No footage',
    failed: 'The recordings could not be read; trying again',
    hold: 'Hold',
    holdUntil: 'until {time}',
    holdOpen: 'until lifted',
    markIn: 'In',
    markOut: 'Out',
    causes: {},
    events: {},
    checks: {},
  },
};
