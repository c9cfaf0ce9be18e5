// The audit as the page asks for it and shows it. Pure.

import type { Asking } from './registryapi';

export const KINDS = [
  'live',
  'look_back',
  'snapshot',
  'steer',
  'hold',
  'lift',
  'block',
  'export',
  'download',
  'sign_in',
  'sign_out',
  'account',
  'people',
  'approval',
  'cameras',
  'device',
  'discovery',
  'event',
  'retention',
  'settings',
  'read_audit',
  'audit_pack',
  'lost',
] as const;
export type Kind = (typeof KINDS)[number];

/** `start`, `end`: the footage it is about. `phase` null: no viewing. */
export interface AuditEntry {
  readonly id: number;
  readonly at: string;
  readonly what: Kind;
  readonly who: string;
  readonly via: 'session' | 'token' | 'cli' | 'system' | 'none';
  readonly address: string;
  readonly camera: string;
  readonly subject: string;
  readonly detail: string;
  readonly outcome: 'done' | 'denied' | 'failed';
  readonly start: string | null;
  readonly end: string | null;
  readonly phase: 'opened' | 'goes_on' | 'closed' | null;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly next: number | null;
}

/** Empty texts: all. `from`, `to`: RFC 3339; `footage`: of the footage seen, not of the seeing. */
export interface AuditSearch {
  readonly camera: string;
  readonly person: string;
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly footage: boolean;
}

export const EVERYTHING: AuditSearch = { camera: '', person: '', what: '', from: '', to: '', footage: false };

/** What the server and the page's address both understand. */
export function auditQuery(search: AuditSearch): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of ['camera', 'person', 'what', 'from', 'to'] as const) {
    if (search[name] !== '') query.set(name, search[name]);
  }
  if (search.footage) query.set('footage', 'true');
  return query;
}

export function auditSearch(query: URLSearchParams): AuditSearch {
  const text = (name: string): string => query.get(name) ?? '';
  return {
    camera: text('camera'),
    person: text('person'),
    what: text('what'),
    from: text('from'),
    to: text('to'),
    footage: query.get('footage') === 'true',
  };
}

/** Where the page shows a search. */
export function auditPath(search: Partial<AuditSearch>): string {
  const query = auditQuery({ ...EVERYTHING, ...search }).toString();
  return query === '' ? '/audit' : `/audit?${query}`;
}

/** Where the same is downloaded as CSV. */
export function auditSheet(search: AuditSearch): string {
  return `/api/audit/sheet.csv?${auditQuery(search)}`;
}

export function askAudit(asking: Asking, search: AuditSearch, before: number | null, signal?: AbortSignal): Promise<AuditPage> {
  const query = auditQuery(search);
  if (before !== null) query.set('before', String(before));
  return asking.get(`/api/audit?${query}`, signal);
}
