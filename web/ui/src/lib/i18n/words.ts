// Words with values put in, and the few rules of Turkish that no template can hold. Pure.

import { en } from './en';
import { tr, type Dictionary, type Key } from './tr';

export type { Key } from './tr';
export type Lang = 'tr' | 'en';

export const LANGS: readonly Lang[] = ['tr', 'en'];
export const DICTIONARIES: Readonly<Record<Lang, Dictionary>> = { tr, en };

export type Values = Readonly<Record<string, string | number>>;

/** The sentence of `key` in `lang`, each `{name}` replaced by its value. */
export function say(lang: Lang, key: Key, values?: Values): string {
  const words = DICTIONARIES[lang][key];
  if (values === undefined) return words;
  return words.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Whether this dictionary key exists; for keys made of the server's words. */
export function isKey(text: string): text is Key {
  return Object.hasOwn(tr, text);
}

const ONES = ['dan', 'den', 'den', 'ten', 'ten', 'ten', 'dan', 'den', 'den', 'dan'];
const TENS = ['dan', 'dan', 'den', 'dan', 'tan', 'den'];

/**
 * `14:21:40’tan`: the clock time with the Turkish ending for "since", which follows the spoken
 * sound of its last number. English has no ending.
 */
export function sinceClock(lang: Lang, clock: string): string {
  if (lang === 'en') return clock;
  const last = Number(clock.slice(-2));
  const ending = last % 10 === 0 ? TENS[Math.floor(last / 10)] : ONES[last % 10];
  return `${clock}’${ending ?? 'dan'}`;
}

const FOLDED: Readonly<Record<string, string>> = { ı: 'i', ş: 's', ç: 'c', ğ: 'g', ö: 'o', ü: 'u' };

/** For searching: `Köprü Altı`, `kopru alti` and `KÖPRÜ ALTI` become the same text. */
export function fold(text: string): string {
  return text
    .toLocaleLowerCase('tr')
    .replace(/[ışçğöü]/g, (letter) => FOLDED[letter] ?? letter)
    .normalize('NFD')
    .replace(/\p{M}/gu, '');
}
