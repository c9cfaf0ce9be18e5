import { describe, expect, it } from 'vitest';
import { en } from './i18n/en';
import { tr } from './i18n/tr';
import { groupOf, groupPattern, inOrder, isWhole, PERMISSIONS, permissionKey, roleKey, spans, words } from './people';

describe('rights in words', () => {
  it('has words for every permission in both languages', () => {
    for (const permission of PERMISSIONS) {
      const key = permissionKey(permission);
      expect(key).not.toBeNull();
      if (key !== null) {
        expect(en[key]).toBeTruthy();
        expect(tr[key]).toBeTruthy();
      }
    }
    expect(permissionKey('fly')).toBeNull();
  });

  it('tells permissions in one order and leaves none out', () => {
    expect(inOrder(['fly', 'export', 'live'])).toEqual(['live', 'export', 'fly']);
  });

  it('names the built-in roles and leaves the others as they are', () => {
    expect(roleKey('auditor')).toBe('menu.role.auditor');
    expect(roleKey('guard')).toBeNull();
  });

  it('knows groups and the whole site', () => {
    expect(groupOf(groupPattern('Ön kapı'))).toBe('Ön kapı');
    expect(groupOf('gate-*')).toBeNull();
    expect(isWhole({ role: 'admin', cameras: ['*'] })).toBe(true);
    expect(isWhole({ role: 'admin', cameras: ['gate'] })).toBe(false);
  });

  it('reads what people type', () => {
    expect(words(' 10.0.0.0/8, 192.168.1.0/24 ')).toEqual(['10.0.0.0/8', '192.168.1.0/24']);
    expect(spans('mon-fri 08:00-18:00; sat 09:00-12:00;')).toEqual(['mon-fri 08:00-18:00', 'sat 09:00-12:00']);
    expect(spans('  ')).toEqual([]);
  });
});
