// The one place that talks HTTP to the server: typed answers, problem documents as errors,
// the CSRF header, a deadline on everything. What the players and the timeline fetch is in media/.

import { AccountApi } from './accountapi';
import { ApprovalsApi } from './approvalsapi';
import { askAudit, type AuditPage, type AuditSearch } from './audit';
import type { CameraHealth, Days, HealthFacts, SickCamera } from './checkup';
import type {
  Block,
  ExportJob,
  Hold,
  NewBlock,
  NewExport,
  NewHold,
  Preview,
  Retention,
  RuleBody,
  StorageFacts,
} from './keeping';
import type { Schedule } from './hours';
import { setCsrfToken } from './media/server';
import type { Moving } from './motion';
import { PeopleApi } from './peopleapi';
import { askSteered, type SteeredPage, type SteeredSearch } from './ptz/steered';
import type { Inventory, Location } from './registry';
import { RegistryApi, type Asking } from './registryapi';
import { SightingsApi } from './sightings';

export type StateWord = 'recording' | 'streaming' | 'waiting' | 'connecting' | 'failed' | 'off' | 'stopped';
export type StreamName = 'main' | 'sub';

/** Worth knowing of a stream that is recorded all the same. */
export interface Noted {
  /** What is known of it; null where only `text`, in English, tells. */
  readonly code: string | null;
  readonly about: string;
  readonly text: string;
}

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
  readonly noted?: readonly Noted[];
  readonly lost?: number | null;
  readonly viewers?: number | null;
}

export interface Camera {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly record: string;
  /** The schedule whose hours are never recorded, or null. */
  readonly privacy?: string | null;
  /** It speaks ONVIF, and may turn. */
  readonly steerable?: boolean;
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
  /** How long it waits by choice, as far as known. */
  readonly until?: string | null;
  /** Its checks that are sick, as far as they are known. */
  readonly checkup?: SickCamera | undefined;
  readonly streams: { readonly main?: StreamFacts | null; readonly sub?: StreamFacts | null };
}

/** A camera with what a list would carry in vain. */
export interface CameraWhole extends Camera {
  readonly location: Location | null;
  readonly inventory: Inventory | null;
  /** Those that its recording and its privacy go by. */
  readonly schedules: readonly Schedule[];
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

/** Who proves a person: this site, an OpenID provider, a directory. */
export type Origin = 'local' | 'oidc' | 'ldap';

/** How one signs in here besides a name and a password of this site. */
export interface WaysIn {
  readonly oidc: { readonly name: string } | null;
  readonly directory: boolean;
}

export interface SessionFacts {
  readonly user: { readonly name: string; readonly display_name: string | null; readonly role: string; readonly origin?: Origin };
  readonly csrf: string;
  readonly system: { readonly name: string; readonly timezone: string };
  /** What this person may do, in the server's words; an old server does not say. */
  readonly permissions?: readonly string[];
  /** Nothing is allowed until a second factor is set up. */
  readonly must_enrol?: boolean;
  /** Nothing is allowed until the password, which somebody else chose, is changed. */
  readonly must_change?: boolean;
  /** Pictures are shown under this person's name and the time. */
  readonly watermark?: boolean;
  /** What takes a second person's yes. */
  readonly approval?: readonly string[];
}

/** A field of what was sent that is wrong; `field` is its path, `location.lat`. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
  readonly remedy?: string | null;
}

/** The server said no, or nothing. `status` 0 is the network, -1 the deadline. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** When to try again, in seconds, if the server said so (429, 503). */
  readonly retryAfter: number | null;
  readonly fields: readonly FieldError[];

  constructor(
    status: number,
    code: string,
    message: string,
    retryAfter: number | null = null,
    fields: readonly FieldError[] = [],
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.fields = fields;
  }

  get unreachable(): boolean {
    return this.status <= 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

const DEADLINE_MS = 10_000;
// A preview reads every row of the index.
const PREVIEW_MS = 60_000;

async function problemOf(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get('Retry-After') ?? NaN);
  const retryAfter = Number.isFinite(wait) ? wait : null;
  try {
    const body = (await response.json()) as Readonly<Record<string, unknown>>;
    const code = typeof body['code'] === 'string' ? body['code'] : '';
    const detail = [body['detail'], body['title']].find((text) => typeof text === 'string');
    const fields = Array.isArray(body['errors']) ? (body['errors'] as readonly FieldError[]) : [];
    return new ApiError(response.status, code, detail ?? response.statusText, retryAfter, fields);
  } catch {
    return new ApiError(response.status, '', response.statusText, retryAfter);
  }
}

async function send(path: string, init: RequestInit, deadlineMs = DEADLINE_MS): Promise<Response> {
  const deadline = AbortSignal.timeout(deadlineMs);
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
  readonly #asking: Asking = {
    get: (path, signal) => this.#get(path, signal),
    change: (method, path, body, more) => this.#change(method, path, body, more),
  };
  readonly registry = new RegistryApi(this.#asking);
  readonly people = new PeopleApi(this.#asking);
  readonly account = new AccountApi(this.#asking);
  readonly approvals = new ApprovalsApi(this.#asking);
  readonly sightings = new SightingsApi(this.#asking);

  /** `onSignedOut` is called whenever the server no longer knows who is asking. */
  constructor(onSignedOut: () => void) {
    this.#onSignedOut = onSignedOut;
  }

  async #ask<T>(path: string, init: RequestInit = {}, deadlineMs = DEADLINE_MS): Promise<T> {
    const response = await send(path, init, deadlineMs);
    if (!response.ok) {
      const problem = await problemOf(response);
      if (problem.status === 401) this.#onSignedOut();
      throw problem;
    }
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  #get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#ask(path, signal ? { signal } : {});
  }

  #change<T>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: object | string,
    more: { signal?: AbortSignal; deadlineMs?: number } = {},
  ): Promise<T> {
    const headers: Record<string, string> = { 'X-CSRF-Token': this.#csrf };
    if (body !== undefined) headers['Content-Type'] = typeof body === 'string' ? 'text/plain' : 'application/json';
    const init: RequestInit = { method, headers };
    if (body !== undefined) init.body = typeof body === 'string' ? body : JSON.stringify(body);
    if (more.signal) init.signal = more.signal;
    return this.#ask(path, init, more.deadlineMs);
  }

  /** Who is signed in, or null. */
  async session(): Promise<SessionFacts | null> {
    const response = await send('/api/session', {});
    if (response.status === 401) return null;
    if (!response.ok) throw await problemOf(response);
    return this.#remember((await response.json()) as SessionFacts);
  }

  async signIn(username: string, password: string, otp?: string): Promise<SessionFacts> {
    const response = await send('/api/session', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username, password, otp }),
    });
    if (!response.ok) throw await problemOf(response);
    return this.#remember((await response.json()) as SessionFacts);
  }

  async waysIn(): Promise<WaysIn> {
    const response = await send('/api/session/ways', {});
    if (!response.ok) throw await problemOf(response);
    return (await response.json()) as WaysIn;
  }

  /** The second factor of who was proved by the provider. */
  async giveCode(otp: string): Promise<SessionFacts> {
    const response = await send('/api/session/oidc/code', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ otp }),
    });
    if (!response.ok) throw await problemOf(response);
    return this.#remember((await response.json()) as SessionFacts);
  }

  async signOut(): Promise<void> {
    await this.#change('DELETE', '/api/session');
  }

  system(signal?: AbortSignal): Promise<SystemFacts> {
    return this.#get('/api/system', signal);
  }

  cameras(signal?: AbortSignal): Promise<readonly Camera[]> {
    return this.#get('/api/cameras', signal);
  }

  camera(id: string, signal?: AbortSignal): Promise<CameraWhole> {
    return this.#get(`/api/cameras/${encodeURIComponent(id)}`, signal);
  }

  /** The cameras with a check that is sick. */
  health(signal?: AbortSignal): Promise<HealthFacts> {
    return this.#get('/api/health', signal);
  }

  cameraHealth(id: string, signal?: AbortSignal): Promise<CameraHealth> {
    return this.#get(`/api/cameras/${encodeURIComponent(id)}/health`, signal);
  }

  /** What the camera shows now is what it is to show. */
  beginView(id: string): Promise<unknown> {
    return this.#change('POST', `/api/cameras/${encodeURIComponent(id)}/health/view`);
  }

  /** What moves just now where motion is looked for. */
  motion(id: string, signal?: AbortSignal): Promise<Moving> {
    return this.#get(`/api/cameras/${encodeURIComponent(id)}/motion`, signal);
  }

  /** The last `count` days, today included. */
  days(id: string, count: number, signal?: AbortSignal): Promise<Days> {
    return this.#get(`/api/cameras/${encodeURIComponent(id)}/days?days=${count}`, signal);
  }

  /** Those that were lifted too. */
  holds(signal?: AbortSignal): Promise<readonly Hold[]> {
    return this.#get('/api/holds?lifted=true', signal);
  }

  hold(wanted: NewHold): Promise<Hold> {
    return this.#change('POST', '/api/holds', wanted);
  }

  /** `approval`: of the request a second person said yes to. */
  liftHold(id: string, reason: string, approval: string | null = null): Promise<unknown> {
    return this.#change('POST', `/api/holds/${encodeURIComponent(id)}/lift`, { reason, approval });
  }

  /** What is hidden now. */
  blocks(signal?: AbortSignal): Promise<readonly Block[]> {
    return this.#get('/api/blocks', signal);
  }

  block(wanted: NewBlock): Promise<Block> {
    return this.#change('POST', '/api/blocks', wanted);
  }

  liftBlock(id: string, reason: string): Promise<unknown> {
    return this.#change('POST', `/api/blocks/${encodeURIComponent(id)}/lift`, { reason });
  }

  exports(signal?: AbortSignal): Promise<readonly ExportJob[]> {
    return this.#get('/api/exports', signal);
  }

  export(id: string, signal?: AbortSignal): Promise<ExportJob> {
    return this.#get(`/api/exports/${encodeURIComponent(id)}`, signal);
  }

  makeExport(wanted: NewExport, approval: string | null = null): Promise<ExportJob> {
    return this.#change('POST', '/api/exports', { ...wanted, approval });
  }

  /** Cancels one that is going on; removes one that has ended, with its file. */
  removeExport(id: string): Promise<unknown> {
    return this.#change('DELETE', `/api/exports/${encodeURIComponent(id)}`);
  }

  retention(signal?: AbortSignal): Promise<Retention> {
    return this.#get('/api/retention', signal);
  }

  /** `rules`: all rules of the database as they would be. */
  previewRules(rules: readonly RuleBody[], signal: AbortSignal): Promise<Preview> {
    const more = { signal, deadlineMs: PREVIEW_MS };
    return this.#change('POST', '/api/retention/preview', { rules }, more);
  }

  /** `meant`: also if a camera loses everything; else such a rule is refused as `harmful`. */
  putRule(rule: RuleBody, meant: boolean, approval: string | null = null): Promise<unknown> {
    return this.#change('PUT', rulePath(rule.name, meant, approval), rule);
  }

  deleteRule(name: string, meant: boolean, approval: string | null = null): Promise<unknown> {
    return this.#change('DELETE', rulePath(name, meant, approval));
  }

  /** Say that the machine's clock is right, after it was doubted. */
  confirmClock(approval: string | null = null): Promise<unknown> {
    return this.#change('POST', `/api/retention/confirm-clock${query({ approval })}`);
  }

  /** `before`: the page behind this entry; null: the newest. */
  audit(search: AuditSearch, before: number | null, signal?: AbortSignal): Promise<AuditPage> {
    return askAudit(this.#asking, search, before, signal);
  }

  /** `before`: the page behind this line; null: the newest. */
  steered(search: SteeredSearch, before: number | null, signal?: AbortSignal): Promise<SteeredPage> {
    return askSteered(this.#asking, search, before, signal);
  }

  storage(signal?: AbortSignal): Promise<StorageFacts> {
    return this.#get('/api/storage', signal);
  }

  /** The stored picture at a moment; the answer is a JPEG. */
  async frame(id: string, at: number, width?: number, signal?: AbortSignal): Promise<Blob> {
    const response = await send(framePath(id, at, width), signal ? { signal } : {});
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

function rulePath(name: string, meant: boolean, approval: string | null): string {
  return `/api/retention/rules/${encodeURIComponent(name)}${query({ meant: meant ? 'true' : null, approval })}`;
}

function query(values: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(values).filter((one): one is [string, string] => one[1] !== null);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

/** Where a finished export is downloaded from. */
export function exportPath(id: string): string {
  return `/api/exports/${encodeURIComponent(id)}/file`;
}
