// Where in the console one is: the address bar is the truth, links are plain links.

import { routeOf, type Route } from './route';

function here(): Route {
  return routeOf(decodePath(location.pathname), new URLSearchParams(location.search));
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // a mistyped % in the address is a missing page, not a crash
  }
}

class Router {
  route = $state.raw<Route>(here());

  go(path: string): void {
    if (path === location.pathname + location.search) return;
    history.pushState(null, '', path);
    this.route = here();
  }

  /** Correct the address without a step in the history, and without leaving the page. */
  amend(path: string): void {
    if (path !== location.pathname + location.search) history.replaceState(null, '', path);
  }

  /** Follow the browser's back and forward, and plain clicks on our own links. */
  run(): () => void {
    const popped = (): void => {
      this.route = here();
    };
    const clicked = (event: MouseEvent): void => {
      const path = ownLink(event);
      if (path === null) return;
      event.preventDefault();
      this.go(path);
    };
    addEventListener('popstate', popped);
    document.addEventListener('click', clicked);
    return () => {
      removeEventListener('popstate', popped);
      document.removeEventListener('click', clicked);
    };
  }
}

/** The address of a link of ours that was clicked to be opened here, or null. */
function ownLink(event: MouseEvent): string | null {
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!plain || event.defaultPrevented || !(event.target instanceof Element)) return null;
  const link = event.target.closest('a');
  if (link === null || link.origin !== location.origin) return null;
  if (link.target !== '' || link.hasAttribute('download') || link.pathname.startsWith('/api/')) return null;
  return link.pathname + link.search;
}

export const router = new Router();
