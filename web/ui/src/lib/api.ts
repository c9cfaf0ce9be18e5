// The one place that talks HTTP to the server: typed answers, problem documents as errors,
// the CSRF header, a deadline on everything. What the players and the timeline fetch is in media/.

import { setCsrfToken } from './media/server';

export type StateWord = 'recording' | 'streaming' | 'connecting' | 'failed' | 'off' | 'stopped';
export type StreamName = 'main' | 'sub';

export interface StreamFacts {
  readonly state: StateWord;
  readonly since: string | null;
  readonly cause?: string | null;
  readonly detail?: string | null;
  readonly codec: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly audio: string | null;
  readonly fps: number | null;
  readonly bitrate: number | null;
  readonly source?: string | null;
  readonly source_reason?: string | null;
  readonly lost?: number | null;
  readonly viewers?: number | null;
}

export interface Camera {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly record: string;
  readonly origin: 'file' | 'database';
  readonly state: StateWord;
  readonly since: string | null;
  readonly source: string | null;
  readonly fps: number | null;
  readonly bitrate: number | null;
  readonly last_frame: string | null;
  readonly clock_offset_ms: number | null;
  readonly problem: string | null;
  readonly problem_code: string | null;
  readonly detail: string | null;
  readonly retry_at: string | null;
  readonly streams: { readonly main?: StreamFacts | null; readonly sub?: StreamFacts | null };
}

export interface Volume {
  readonly path: string;
  readonly total: number | null;
  readonly free: number | null;
  readonly reserve: number;
}

export interface SystemFacts {
  readonly name: string;
  readonly timezone: string;
  readonly now: string;
  readonly version: string;
  readonly recorder: { readonly workers: number; readonly running: number };
  readonly volumes: readonly Volume[];
}

export interface SessionFacts {
  readonly user: { readonly name: string; readonly display_name: string | null; readonly role: string };
  readonly csrf: string;
  readonly system: { readonly name: string; readonly timezone: string };
}

/** The server said no, or nothing. `status` 0 is the network, -1 the deadline. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** When to try again, in seconds, if the server said so (429, 503). */
  readonly retryAfter: number | null;

  constructor(status: number, code: string, message: string, retryAfter: number | null = null) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  get unreachable(): boolean {
    return this.status <= 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

const DEADLINE_MS = 10_000;

async function problemOf(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get('Retry-After') ?? NaN);
  const retryAfter = Number.isFinite(wait) ? wait : null;
  try {
    const body = (await response.json()) as Readonly<Record<string, unknown>>;
    const code = typeof body['code'] === 'string' ? body['code'] : '';
    const detail = [body['detail'], body['title']].find((text) => typeof text === 'string');
    return new ApiError(response.status, code, detail ?? response.statusText, retryAfter);
  } catch {
    return new ApiError(response.status, '', response.statusText, retryAfter);
  }
}

async function send(path: string, init: RequestInit): Promise<Response> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const given = init.signal;
  try {
    return await fetch(path, {
      ...init,
      credentials: 'same-origin',
      signal: given ? AbortSignal.any([given, deadline]) : deadline,
    });
  } catch (reason) {
    if (given?.aborted === true) throw reason;
    if (deadline.aborted) throw new ApiError(-1, 'timeout', 'the server did not answer in time');
    throw new ApiError(0, 'network', 'the server could not be reached');
  }
}

export class Api {
  #csrf = '';
  readonly #onSignedOut: () => void;

  /** `onSignedOut` is called whenever the server no longer knows who is asking. */
  constructor(onSignedOut: () => void) {
    this.#onSignedOut = onSignedOut;
  }

  async #ask<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await send(path, init);
    if (!response.ok) {
      const problem = await problemOf(response);
      if (problem.status === 401) this.#onSignedOut();
      throw problem;
    }
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  /** Who is signed in, or null. */
  async session(): Promise<SessionFacts | null> {
    const response = await send('/api/session', {});
    if (response.status === 401) return null;
    if (!response.ok) throw await problemOf(response);
    return this.#remember((await response.json()) as SessionFacts);
  }

  async signIn(username: string, password: string): Promise<SessionFacts> {
    const response = await send('/api/session', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username, password }),
    });
    if (!response.ok) throw await problemOf(response);
    return this.#remember((await response.json()) as SessionFacts);
  }

  async signOut(): Promise<void> {
    await this.#ask('/api/session', { method: 'DELETE', headers: { 'X-CSRF-Token': this.#csrf } });
  }

  system(signal?: AbortSignal): Promise<SystemFacts> {
    return this.#ask('/api/system', signal ? { signal } : {});
  }

  async cameras(signal?: AbortSignal): Promise<readonly Camera[]> {
    return await this.#ask('/api/cameras', signal ? { signal } : {});
  }

  /** The stored picture at a moment; the answer is a JPEG. */
  async frame(id: string, at: number): Promise<Blob> {
    const response = await send(framePath(id, at), {});
    if (!response.ok) throw await problemOf(response);
    return response.blob();
  }

  #remember(facts: SessionFacts): SessionFacts {
    this.#csrf = facts.csrf;
    setCsrfToken(facts.csrf); // the players' WHEP requests carry it too
    return facts;
  }
}

/** The address of a stored picture, `width` pixels wide or as large as it is. */
export function framePath(id: string, at: number | string, width?: number): string {
  const when = typeof at === 'string' ? at : new Date(at).toISOString();
  const query = new URLSearchParams({ at: when });
  if (width !== undefined) query.set('width', String(width));
  return `/api/cameras/${encodeURIComponent(id)}/frame.jpg?${query.toString()}`;
}
