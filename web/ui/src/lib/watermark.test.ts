import { describe, expect, it } from 'vitest';
import { markOf } from './watermark';

const system = { name: 'Deneme', timezone: 'Europe/Istanbul' };
const NOW = Date.UTC(2026, 10, 26, 11, 32, 7);

describe('markOf', () => {
  it('names the viewer and the time of viewing', () => {
    const user = { name: 'ayse', display_name: 'Ayşe Yılmaz', role: 'guard' };
    expect(markOf({ user, system, watermark: true }, NOW)).toBe('Ayşe Yılmaz (ayse) · 26.11.2026 14:32:07 UTC+3');
  });
  it('says a name only once', () => {
    const user = { name: 'ayse', display_name: null, role: 'guard' };
    expect(markOf({ user, system, watermark: true }, NOW)).toMatch(/^ayse · /);
    expect(markOf({ user: { ...user, display_name: 'ayse' }, system, watermark: true }, NOW)).toMatch(/^ayse · /);
  });
  it('is for nobody else', () => {
    const user = { name: 'ayse', display_name: null, role: 'guard' };
    expect(markOf(null, NOW)).toBeNull();
    expect(markOf({ user, system, watermark: false }, NOW)).toBeNull();
    expect(markOf({ user, system }, NOW)).toBeNull();
  });
});
