// Addresses of the console and what they mean. Pure.

export type Route =
  | { readonly page: 'wall' }
  | { readonly page: 'camera'; readonly id: string | null; readonly at: string | null }
  | { readonly page: 'health' }
  | { readonly page: 'missing' };

export function routeOf(path: string, query: URLSearchParams): Route {
  const parts = path.split('/').filter((part) => part !== '');
  const [page, id, ...rest] = parts;
  if (rest.length > 0) return { page: 'missing' };
  if (page === undefined) return { page: 'wall' };
  if (page === 'health' && id === undefined) return { page: 'health' };
  if (page === 'camera') return { page: 'camera', id: id ?? null, at: query.get('at') };
  return { page: 'missing' };
}

export function cameraPath(id: string, at?: string | null): string {
  const path = `/camera/${encodeURIComponent(id)}`;
  return at ? `${path}?at=${encodeURIComponent(at)}` : path;
}
