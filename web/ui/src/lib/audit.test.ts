import { expect, test } from 'vitest';
import { auditPath, auditQuery, auditSearch, auditSheet, EVERYTHING } from './audit';

test('a search goes into the address and comes back from it', () => {
  const search = { ...EVERYTHING, camera: 'gate-north', person: 'ayşe &', footage: true };
  expect(auditSearch(auditQuery(search))).toEqual(search);
  expect(auditSearch(new URLSearchParams())).toEqual(EVERYTHING);
});

test('a link names only what it asks for', () => {
  expect(auditPath({})).toBe('/audit');
  expect(auditPath({ camera: 'gate-north' })).toBe('/audit?camera=gate-north');
  expect(auditSheet({ ...EVERYTHING, what: 'live' })).toBe('/api/audit/sheet.csv?what=live');
});
