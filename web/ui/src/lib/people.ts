// What the server says of people and their rights (docs/rights.md), and how it is told. Pure.

import type { Key } from './i18n/words';

export interface Grant {
  readonly role: string;
  /** Ids, globs or group:NAME; `*` is the whole site. */
  readonly cameras: readonly string[];
}

export interface Person {
  readonly name: string;
  readonly display_name: string;
  /** Who proves them; what comes from elsewhere is changed there. An old server does not say. */
  readonly origin?: 'local' | 'oidc' | 'ldap';
  readonly grants: readonly Grant[];
  readonly created: string;
  readonly password_changed: string;
}

/** `password`: told this once, if the server made it. */
export interface AddedPerson extends Person {
  readonly password: string | null;
}

export interface NewPerson {
  readonly name: string;
  readonly display_name: string;
  readonly grants: readonly Grant[];
  readonly password: string | null;
}

/** A sign-in or an API token. `used`: a token, last; null lists: not narrowed. */
export interface Door {
  readonly id: string;
  readonly kind: 'session' | 'token';
  readonly created: string;
  readonly expires: string;
  readonly address: string;
  readonly label: string;
  readonly used: string | null;
  readonly permissions: readonly string[] | null;
  readonly cameras: readonly string[] | null;
}

export interface RoleBody {
  readonly permissions: readonly string[];
  readonly footage_age: string | null;
  readonly hours: readonly string[] | null;
  readonly networks: readonly string[] | null;
  readonly priority: number;
  /** Steering asks what for. */
  readonly purpose: boolean;
  /** Its holders must have a second factor. */
  readonly second_factor: boolean;
  readonly watermark: boolean;
  /** What takes a second person's yes. */
  readonly approval: readonly string[];
}

export interface Role extends RoleBody {
  readonly name: string;
  readonly built_in: boolean;
}

/** One permission: by which grant, or why not. */
export interface Why {
  readonly permission: string;
  readonly allowed: boolean;
  readonly role: string | null;
  readonly cameras: readonly string[] | null;
  readonly reason: string;
  readonly hidden: boolean;
  /** It takes a second person's yes, or some of it does. */
  readonly by_two: boolean;
}

/** What a person or a role sees, and why, as of `at`. */
export interface Sees {
  readonly at: string;
  readonly site: readonly Why[];
  readonly cameras: readonly {
    readonly camera: string;
    readonly permissions: readonly Why[];
    readonly hidden: readonly { readonly block: string; readonly start: string; readonly end: string | null }[];
  }[];
}

export interface May {
  readonly site: readonly string[];
  readonly cameras: readonly { readonly camera: string; readonly permissions: readonly string[] }[];
}

export const WHOLE_SITE = '*';
const GROUP = 'group:';

/** In the order in which people think of them. */
export const PERMISSIONS = [
  'own_session',
  'cameras',
  'live',
  'archive',
  'snapshot',
  'sound',
  'ptz',
  'events',
  'hold',
  'block',
  'export',
  'approve',
  'registry',
  'retention',
  'storage',
  'audit',
  'system',
  'metrics',
  'people',
] as const;

/** What this console knows first, as people think of it; what it does not know behind. */
export function inOrder(permissions: readonly string[]): string[] {
  const known: string[] = PERMISSIONS.filter((one) => permissions.includes(one));
  return [...known, ...permissions.filter((one) => !known.includes(one))];
}

/** What is allowed, under the grant that allows it. */
export function byGrant(
  whys: readonly Why[],
): { readonly key: string; readonly grant: Grant; readonly permissions: string[] }[] {
  const found = new Map<string, { key: string; grant: Grant; permissions: string[] }>();
  for (const why of whys) {
    if (!why.allowed || why.role === null || why.cameras === null) continue;
    const grant = { role: why.role, cameras: why.cameras };
    const key = JSON.stringify(grant);
    const one = found.get(key) ?? { key, grant, permissions: [] };
    one.permissions.push(why.permission);
    found.set(key, one);
  }
  return [...found.values()];
}

/** The words of a permission; one that a newer server knows keeps its own word. */
export function permissionKey(permission: string): Key | null {
  const known = PERMISSIONS.find((one) => one === permission);
  return known === undefined ? null : `may.${known}`;
}

/** The words of a built-in role; one's own roles have their own names. */
export function roleKey(role: string): Key | null {
  const known = (['admin', 'operator', 'investigator', 'auditor'] as const).find((one) => one === role);
  return known === undefined ? null : `menu.role.${known}`;
}

export function isWhole(grant: Grant): boolean {
  return grant.cameras.includes(WHOLE_SITE);
}

/** `group:meydan` as its group, anything else as null. */
export function groupOf(pattern: string): string | null {
  return pattern.startsWith(GROUP) ? pattern.slice(GROUP.length) : null;
}

export function groupPattern(group: string): string {
  return `${GROUP}${group}`;
}

/** `a, b  c` as its words; empty for nothing. */
export function words(text: string): string[] {
  return text.split(/[\s,;]+/).filter((word) => word !== '');
}

/** `mon-fri 08:00-18:00; sat 09:00-12:00` as its spans. */
export function spans(text: string): string[] {
  return text
    .split(/[;\n]+/)
    .map((span) => span.trim())
    .filter((span) => span !== '');
}
