// Numbers as the screens write them, in fixed precision so that they do not jump. Pure.

import type { Lang } from './i18n/words';
import { formatSpan } from './time';

const LOCALES: Readonly<Record<Lang, string>> = { tr: 'tr-TR', en: 'en-GB' };
export const NONE = '—';

function fixed(value: number, digits: number, lang: Lang): string {
  return value.toLocaleString(LOCALES[lang], {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** `25,0`. */
export function frameRate(fps: number | null, lang: Lang): string {
  return fps === null ? NONE : fixed(fps, 1, lang);
}

/** `4,02 Mbit/s`, `350 kbit/s`. */
export function bitRate(bits: number | null, lang: Lang): string {
  if (bits === null) return NONE;
  return bits >= 1e6 ? `${fixed(bits / 1e6, 2, lang)} Mbit/s` : `${fixed(bits / 1e3, 0, lang)} kbit/s`;
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `512 GB`, `1,4 TB`: powers of ten, as disks are sold. */
export function byteSize(bytes: number, lang: Lang): string {
  let size = 0;
  let value = bytes;
  while (value >= 1000 && size < SIZES.length - 1) {
    value /= 1000;
    size += 1;
  }
  return `${fixed(value, size === 0 || value >= 100 ? 0 : 1, lang)} ${SIZES[size] ?? 'B'}`;
}

/** `%42`, `42%`: whole, and 100 only when nothing is left. */
export function percent(part: number, lang: Lang): string {
  const whole = part >= 1 ? 100 : Math.min(99, Math.max(0, Math.floor(part * 100)));
  return lang === 'tr' ? `%${whole}` : `${whole}%`;
}

/** `%0,30`, `0.30%`: small shares, to a hundredth. */
export function finePercent(part: number, lang: Lang): string {
  const text = fixed(part * 100, 2, lang);
  return lang === 'tr' ? `%${text}` : `${text}%`;
}

/** `15,3`, `15.3`: to a tenth. */
export function decimal(value: number, lang: Lang): string {
  return fixed(value, 1, lang);
}

/** `1.234`, `1,234`: a count. */
export function count(value: number, lang: Lang): string {
  return value.toLocaleString(LOCALES[lang]);
}

/** `12 ms`, `3 sn`: how far off a clock is, without its direction. */
export function clockOffset(ms: number, lang: Lang): string {
  return formatSpan(Math.abs(ms), lang);
}

/** `+12 ms`, `−3 sn`; a camera that is ahead has a plus. */
export function signedOffset(ms: number | null, lang: Lang): string {
  if (ms === null) return NONE;
  const sign = Math.round(ms) === 0 ? '±' : ms > 0 ? '+' : '−';
  return sign + clockOffset(ms, lang);
}

const CODECS: Readonly<Record<string, string>> = {
  h264: 'H.264',
  h265: 'H.265',
  hevc: 'H.265',
  aac: 'AAC',
  pcma: 'G.711 A',
  alaw: 'G.711 A',
  pcmu: 'G.711 µ',
  ulaw: 'G.711 µ',
  mjpeg: 'MJPEG',
};

export function codecName(codec: string | null): string {
  return codec === null ? NONE : (CODECS[codec.toLowerCase()] ?? codec);
}

/** `H.264 · 1920 × 1080`, or one dash as long as nothing is known. */
export function picture(codec: string | null, width: number | null, height: number | null): string {
  return codec === null ? NONE : `${codecName(codec)} · ${pictureSize(width, height)}`;
}

export function pictureSize(width: number | null, height: number | null): string {
  return width === null || height === null ? NONE : `${width}\u00a0×\u00a0${height}`;
}
