// Addresses of the console and what they mean. Pure.

export type Route =
  | { readonly page: 'wall' }
  | { readonly page: 'camera'; readonly id: string | null; readonly at: string | null }
  | { readonly page: 'health' }
  | { readonly page: 'holds' }
  | { readonly page: 'exports' }
  | { readonly page: 'retention' }
  | { readonly page: 'cameras' }
  | { readonly page: 'find' }
  | { readonly page: 'people' }
  | { readonly page: 'account' }
  | { readonly page: 'audit' }
  | { readonly page: 'steering' }
  | { readonly page: 'approvals' }
  | { readonly page: 'missing' };

/** Pages without anything after their name. */
const PLAIN = [
  'health', 'holds', 'exports', 'retention', 'cameras', 'people', 'account', 'audit', 'steering', 'approvals',
] as const;

export function routeOf(path: string, query: URLSearchParams): Route {
  const parts = path.split('/').filter((part) => part !== '');
  const [page, id, ...rest] = parts;
  if (rest.length > 0) return { page: 'missing' };
  if (page === undefined) return { page: 'wall' };
  const plain = PLAIN.find((name) => name === page);
  if (plain !== undefined && id === undefined) return { page: plain };
  if (page === 'cameras' && id === 'find') return { page: 'find' };
  if (page === 'camera') return { page: 'camera', id: id ?? null, at: query.get('at') };
  return { page: 'missing' };
}

export function cameraPath(id: string, at?: string | null): string {
  const path = `/camera/${encodeURIComponent(id)}`;
  return at ? `${path}?at=${encodeURIComponent(at)}` : path;
}
