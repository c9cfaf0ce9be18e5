// Moments and spans as sentences want them: a clock time today, the date before it otherwise. Pure.

import { sinceClock, type Lang } from './i18n/words';
import { formatClock, formatDate, formatSpan, startOfDay } from './time';

/** `14:21:40`, or with its date when that is not today's. */
export function moment(at: number, now: number, zone: string, lang: Lang): string {
  const clock = formatClock(at, zone);
  const today = startOfDay(at, zone) === startOfDay(now, zone);
  return today ? clock : `${formatDate(at, zone, lang)} ${clock}`;
}

/** The same with the Turkish ending that `since` needs. */
export function sinceMoment(at: number, now: number, zone: string, lang: Lang): string {
  return sinceClock(lang, moment(at, now, zone, lang));
}

/** How long ago, in whole seconds; never negative: clocks differ by a little. */
export function spanSince(at: number, now: number, lang: Lang): string {
  const span = Math.max(0, Math.floor((now - at) / 1000) * 1000);
  return span === 0 ? `0 ${lang === 'tr' ? 'sn' : 's'}` : formatSpan(span, lang);
}

/** `22.11.2026 12:38:00 – 12:46:30`; the second date stands there only when it is another. */
export function between(start: number, end: number, zone: string, lang: Lang): string {
  const same = startOfDay(start, zone) === startOfDay(end, zone);
  const until = same ? formatClock(end, zone) : `${formatDate(end, zone, lang)} ${formatClock(end, zone)}`;
  return `${formatDate(start, zone, lang)} ${formatClock(start, zone)} – ${until}`;
}

/** `22.11.2026 12:38`: when somebody did something. */
export function stamp(at: number, zone: string, lang: Lang): string {
  return `${formatDate(at, zone, lang)} ${formatClock(at, zone, 'minute')}`;
}
