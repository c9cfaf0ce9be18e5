// Requests for a second person's yes over HTTP. Part of `Api`, which lends it its ways of asking.

import type { Approval, Ask } from './approvals';
import type { Asking } from './registryapi';

export class ApprovalsApi {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  list(signal?: AbortSignal): Promise<readonly Approval[]> {
    return this.#asking.get('/api/approvals', signal);
  }

  ask(wanted: Ask): Promise<Approval> {
    return this.#asking.change('POST', '/api/approvals', wanted);
  }

  approve(id: string): Promise<Approval> {
    return this.#asking.change('POST', `${url(id)}/approve`);
  }

  refuse(id: string, reason: string): Promise<Approval> {
    return this.#asking.change('POST', `${url(id)}/refuse`, { reason });
  }

  takeBack(id: string): Promise<unknown> {
    return this.#asking.change('DELETE', url(id));
  }
}

function url(id: string): string {
  return `/api/approvals/${encodeURIComponent(id)}`;
}
