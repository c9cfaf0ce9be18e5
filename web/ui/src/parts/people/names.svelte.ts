// Roles, permissions and places in the reader's language.

import { fleet } from '../../lib/fleet.svelte';
import { t } from '../../lib/i18n/language.svelte';
import { groupOf, inOrder, isWhole, permissionKey, roleKey, type Grant } from '../../lib/people';
import { groupTitle } from '../../lib/tree';

export function roleName(role: string): string {
  const key = roleKey(role);
  return key === null ? role : t(key);
}

export function permissionName(permission: string): string {
  const key = permissionKey(permission);
  return key === null ? permission : t(key);
}

/** In the order in which people think of them, whatever the server's. */
export function permissionNames(permissions: readonly string[]): string {
  return inOrder(permissions)
    .map((one) => permissionName(one))
    .join(', ');
}

/** Where a role is held: the whole site, or its groups and cameras by name. */
export function placeOf(grant: Grant): string {
  if (isWhole(grant)) return t('ppl.wholeSite');
  return grant.cameras.map((pattern) => patternName(pattern)).join(', ');
}

export function patternName(pattern: string): string {
  const group = groupOf(pattern);
  if (group !== null) return t('ppl.group', { group: groupTitle(group) });
  return fleet.byId.get(pattern)?.name ?? pattern;
}
