import { describe, expect, it } from 'vitest';
import { daysUntil, labelRows } from './label';
import type { Inventory } from './registry';

const ZONE = 'Europe/Istanbul';
const NOW = Date.parse('2026-11-22T22:30:00Z'); // already the 23rd on the site
const BARE: Inventory = {
  make: '', model: '', serial: '', firmware: '', mac: '', installed: null, warranty_until: null, notes: '',
};

describe('a label', () => {
  it('has no row in which nothing stands', () => {
    expect(labelRows(null, null, NOW, ZONE, 'en')).toEqual([]);
    expect(labelRows(BARE, null, NOW, ZONE, 'en')).toEqual([]);
    const rows = labelRows({ ...BARE, serial: 'ACCC8E' }, { lat: 39.925, lon: 32.8, heading: null }, NOW, ZONE, 'en');
    expect(rows.map((row) => [row.what, row.text])).toEqual([
      ['cam.serial', 'ACCC8E'],
      ['label.place', '39.92500, 32.80000'],
    ]);
  });
  it('says where the camera looks', () => {
    const rows = labelRows(null, { lat: 1, lon: 2, heading: 120, fov: 70 }, NOW, ZONE, 'tr');
    expect(rows.map((row) => row.text)).toEqual(['1.00000, 2.00000', 'güneydoğu (120°)', '70°']);
    expect(labelRows(null, { lat: 1, lon: 2, heading: 350 }, NOW, ZONE, 'en')[1]?.text).toBe('north (350°)');
  });
  it('marks a warranty that has ended or ends within 60 days', () => {
    const said = (day: string): string => {
      const [row] = labelRows({ ...BARE, warranty_until: day }, null, NOW, ZONE, 'en');
      return `${row?.warn === true ? '! ' : ''}${row?.text ?? ''}`;
    };
    expect(said('2026-11-22')).toBe('! 2026-11-22: the warranty has ended');
    expect(said('2026-11-23')).toBe('! 2026-11-23: the warranty ends today');
    expect(said('2027-01-22')).toBe('! 2027-01-22: the warranty ends in 60 days');
    expect(said('2027-01-23')).toBe('2027-01-23');
    expect(daysUntil('2026-11-24', NOW, ZONE)).toBe(1);
    const [tr] = labelRows({ ...BARE, warranty_until: '2026-12-01' }, null, NOW, ZONE, 'tr');
    expect(tr?.text).toBe('01.12.2026: garantisi 8 gün sonra bitiyor');
  });
});
