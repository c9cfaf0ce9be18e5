// The console's language: chosen once, kept per browser; the page's `lang` follows it so that
// İ and ı, line breaks and screen readers' voices are right.

import { say, type Key, type Lang, type Values } from './words';

const STORED = 'vms.lang';

function firstLanguage(): Lang {
  const stored = localStorage.getItem(STORED);
  if (stored === 'tr' || stored === 'en') return stored;
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  // Turkish unless the browser asks for English before it: the screens' home is a Turkish city.
  return wanted.find((tag): tag is Lang => tag === 'tr' || tag === 'en') ?? 'tr';
}

class Language {
  current = $state<Lang>(firstLanguage());

  constructor() {
    document.documentElement.lang = this.current;
  }

  choose(lang: Lang): void {
    this.current = lang;
    document.documentElement.lang = lang;
    localStorage.setItem(STORED, lang);
  }
}

export const language = new Language();

/** The sentence of `key` in the chosen language; read in markup it follows the switch. */
export function t(key: Key, values?: Values): string {
  return say(language.current, key, values);
}
