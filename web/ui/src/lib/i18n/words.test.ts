import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DICTIONARIES, fold, LANGS, say, sinceClock } from './words';

const MODEL = new URL('../../../../../vms/core/model.py', import.meta.url);

/** The words of an enumeration as the server's source has them: `NAME = "word"`. */
function wordsOf(enumeration: string): string[] {
  const source = readFileSync(MODEL, 'utf8');
  const body = source.split(`class ${enumeration}(enum.StrEnum):`)[1]?.split('\nclass ')[0] ?? '';
  return [...body.matchAll(/^ {4}[A-Z_]+ = "(\w+)"/gm)].map((match) => match[1] ?? '');
}

describe('dictionaries', () => {
  it('have the same keys, none empty', () => {
    expect(Object.keys(DICTIONARIES.en).sort()).toEqual(Object.keys(DICTIONARIES.tr).sort());
    for (const lang of LANGS) {
      for (const [key, words] of Object.entries(DICTIONARIES[lang])) {
        expect(words.trim(), `${lang} ${key}`).not.toBe('');
      }
    }
  });

  it('put the same values into both languages', () => {
    const names = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? '').sort();
    for (const [key, words] of Object.entries(DICTIONARIES.tr)) {
      const english = DICTIONARIES.en[key as keyof typeof DICTIONARIES.en];
      expect(names(english), key).toEqual(names(words));
    }
  });

  it.each(LANGS)('say every cause of the server in %s: name, sentence, remedy', (lang) => {
    const causes = wordsOf('Cause');
    expect(causes.length).toBeGreaterThan(10);
    for (const cause of causes) {
      for (const key of [`cause.${cause}`, `cause.${cause}.what`, `cause.${cause}.todo`]) {
        expect(DICTIONARIES[lang], key).toHaveProperty([key]);
      }
    }
  });

  it.each(LANGS)('say every state of the server in %s', (lang) => {
    const states = wordsOf('State');
    expect(states.length).toBeGreaterThan(4);
    for (const state of states) {
      expect(DICTIONARIES[lang]).toHaveProperty([`state.${state}`]);
      expect(DICTIONARIES[lang]).toHaveProperty([`state.${state}.what`]);
    }
  });
});

describe('say', () => {
  it('puts values in and leaves what has none', () => {
    expect(say('tr', 'tile.retryIn', { n: 7 })).toBe('Yeniden deneniyor, 7 sn sonra.');
    expect(say('en', 'tile.retryIn', {})).toContain('{n}');
  });
});

describe('sinceClock', () => {
  it.each([
    ['14:21:40', '14:21:40’tan'],
    ['14:21:07', '14:21:07’den'],
    ['14:21:00', '14:21:00’dan'],
    ['14:21:03', '14:21:03’ten'],
    ['14:21:16', '14:21:16’dan'],
    ['14:21:20', '14:21:20’den'],
    ['14:21:30', '14:21:30’dan'],
    ['14:21:50', '14:21:50’den'],
    ['14:21:55', '14:21:55’ten'],
  ])('ends %s as it is spoken in Turkish', (clock, ended) => {
    expect(sinceClock('tr', clock)).toBe(ended);
    expect(sinceClock('en', clock)).toBe(clock);
  });
});

describe('fold', () => {
  it('finds Turkish names however they are typed', () => {
    for (const typed of ['Köprü Altı', 'kopru alti', 'KÖPRÜ ALTI', 'köprü altı']) {
      expect(fold(typed)).toBe('kopru alti');
    }
    expect(fold('İtfaiye')).toBe(fold('itfaiye'));
    expect(fold('Hükûmet')).toBe('hukumet');
  });
});
