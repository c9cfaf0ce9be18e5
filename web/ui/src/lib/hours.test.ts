import { describe, expect, it } from 'vitest';
import { hoursLine, hoursOf, scheduleOf, weekday } from './hours';

describe('hours', () => {
  const spans = ['mon-fri 08:00-18:00', 'sat,sun 22:00-06:00', 'daily 00:00-24:00', 'fri-mon 12:00-13:00'];
  it('are said in English', () => {
    expect(hoursOf(spans, 'en')).toEqual([
      'Monday–Friday 08:00–18:00',
      'Saturday, Sunday 22:00–06:00 (the next day)',
      'Every day all day',
      'Friday–Monday 12:00–13:00',
    ]);
  });
  it('and in Turkish', () => {
    expect(hoursOf(spans, 'tr')).toEqual([
      'Pazartesi–Cuma 08:00–18:00',
      'Cumartesi, Pazar 22:00–06:00 (ertesi gün)',
      'Her gün bütün gün',
      'Cuma–Pazartesi 12:00–13:00',
    ]);
  });
  it('stand as they are where they are not understood', () => {
    expect(hoursLine(['mon 1-2', 'xyz 08:00-18:00', 'tue 08:00-09:00'], 'en')).toBe('mon 1-2; xyz 08:00-18:00; Tuesday 08:00–09:00');
  });
  it('are those of the schedule that record names', () => {
    expect([scheduleOf('schedule:mesai'), scheduleOf('continuous')]).toEqual(['mesai', null]);
  });
});

describe('days of the week', () => {
  it('have a long and a short name in each language', () => {
    expect([weekday(0, 'en'), weekday(6, 'en', 'short'), weekday(5, 'tr'), weekday(2, 'tr', 'short')]).toEqual([
      'Monday',
      'Sun',
      'Cumartesi',
      'Çar',
    ]);
  });
});
