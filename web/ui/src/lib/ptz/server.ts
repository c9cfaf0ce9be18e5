// What steering asks of the server (docs/api.md, "Steering" and "Devices").

import { csrf, Problem } from '../media/server';
import type { Speed } from './speed';

export interface Lease {
  readonly operator: string;
  readonly mine: boolean;
  readonly may_take_over: boolean;
  readonly since: string;
  readonly purpose: string;
}

export interface Can {
  readonly move: boolean;
  readonly zoom: boolean;
  readonly absolute: boolean;
  readonly relative: boolean;
  readonly centre: boolean;
  readonly home: boolean;
  readonly presets: number;
}

export interface PatrolStep {
  readonly preset: string;
  readonly seconds: number;
}

export interface Patrol {
  readonly steps: readonly PatrolStep[];
  readonly running: boolean;
}

export interface PtzFacts {
  readonly can: Can;
  readonly moving: boolean | null;
  readonly lease: Lease | null;
  readonly patrol: Patrol | null;
  readonly purpose_required: boolean;
}

export interface Preset {
  readonly token: string;
  readonly name: string;
  readonly pictured: string | null;
}

export interface LoggedCommand {
  readonly at: string;
  readonly operator: string;
  readonly command: string;
  readonly detail: string;
  readonly result: string;
  readonly purpose: string;
  /** Of a movement: its end, or when it last went on. */
  readonly until: string | null;
  /** Moves that it is made of. */
  readonly commands: number;
  readonly number: number;
}

export interface Level {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface Imaging {
  readonly levels: Readonly<Record<string, Level>>;
  readonly ir_cut: string | null;
  readonly ir_cuts: readonly string[];
  readonly focus: boolean;
}

export interface DeviceFacts {
  readonly make: string;
  readonly model: string;
  readonly firmware: string;
  readonly serial: string;
  readonly mac: string | null;
  readonly clock_offset_ms: number | null;
  readonly imaging: Imaging | null;
}

/** A refusal with what steering adds to it. `trouble`: why the camera can't be asked. */
export class PtzProblem extends Problem {
  constructor(
    status: number,
    code: string,
    detail: string,
    readonly trouble: string,
    readonly by: string,
    readonly mayTakeOver: boolean,
  ) {
    super(status, code, detail);
    this.name = 'PtzProblem';
  }
}

/** Letters of a purpose. */
export const PURPOSE_MAX = 200;
const DEADLINE_MS = 12_000;
/** Some megabytes, which a camera reads from its own memory. */
const BACKUP_DEADLINE_MS = 60_000;

function words(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

async function problemOf(response: Response): Promise<PtzProblem> {
  const body = (await response.json().catch(() => ({}))) as Readonly<Record<string, unknown>>;
  return new PtzProblem(
    response.status,
    words(body['code']),
    words(body['detail']) || response.statusText,
    words(body['trouble']),
    words(body['by']),
    body['may_take_over'] === true,
  );
}

async function ask(url: string, init: RequestInit, deadline = DEADLINE_MS): Promise<Response> {
  let response: Response;
  try {
    const signal = AbortSignal.timeout(deadline);
    response = await fetch(url, { credentials: 'same-origin', signal, ...init });
  } catch {
    throw new PtzProblem(0, 'network', 'the server could not be reached', '', '', false);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function send(method: string, url: string, body?: object): Promise<Response> {
  const init = async (fresh: boolean): Promise<RequestInit> => ({
    method,
    headers: { 'X-CSRF-Token': await csrf(fresh), 'Content-Type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
    keepalive: true, // a stop must reach the server from a page that is being left
  });
  try {
    return await ask(url, await init(false));
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'csrf') throw error;
    return ask(url, await init(true));
  }
}

/** One camera, asked and steered. Every method throws `PtzProblem`. */
export class PtzServer {
  readonly #base: string;

  constructor(camera: string) {
    this.#base = `/api/cameras/${encodeURIComponent(camera)}`;
  }

  async facts(): Promise<PtzFacts> {
    return (await (await ask(`${this.#base}/ptz`, {})).json()) as PtzFacts;
  }

  async lease(): Promise<Lease | null> {
    return (await (await ask(`${this.#base}/ptz/lease`, {})).json()) as Lease | null;
  }

  async take(purpose: string | null, takeOver: boolean): Promise<Lease> {
    const answer = await this.#post('lease', { purpose, take_over: takeOver });
    return (await answer.json()) as Lease;
  }

  async letGo(): Promise<void> {
    await send('DELETE', `${this.#base}/ptz/lease`);
  }

  async move(speed: Speed): Promise<void> {
    await this.#post('move', speed);
  }

  async stop(): Promise<void> {
    await this.#post('stop');
  }

  async centre(x: number, y: number): Promise<void> {
    await this.#post('centre', { x, y });
  }

  async home(): Promise<void> {
    await this.#post('home');
  }

  async setHome(): Promise<void> {
    await send('PUT', `${this.#base}/ptz/home`);
  }

  async presets(): Promise<readonly Preset[]> {
    return (await (await ask(`${this.#base}/ptz/presets`, {})).json()) as readonly Preset[];
  }

  async savePreset(name: string, token: string | null): Promise<void> {
    await this.#post('presets', { name, token });
  }

  async gotoPreset(token: string): Promise<void> {
    await this.#post(`presets/${encodeURIComponent(token)}/goto`);
  }

  async removePreset(token: string): Promise<void> {
    await send('DELETE', `${this.#base}/ptz/presets/${encodeURIComponent(token)}`);
  }

  picturePath(preset: Preset): string {
    const of = encodeURIComponent(preset.pictured ?? '');
    return `${this.#base}/ptz/presets/${encodeURIComponent(preset.token)}/picture.jpg?of=${of}`;
  }

  async setPatrol(steps: readonly PatrolStep[], running: boolean): Promise<void> {
    await send('PUT', `${this.#base}/ptz/patrol`, { steps, running });
  }

  /** The newest first; `before`: older than this time. */
  async log(limit: number, before?: string): Promise<readonly LoggedCommand[]> {
    const older = before === undefined ? '' : `&before=${encodeURIComponent(before)}`;
    return (await (await ask(`${this.#base}/ptz/log?limit=${limit}${older}`, {})).json()) as readonly LoggedCommand[];
  }

  async device(): Promise<DeviceFacts> {
    return (await (await ask(`${this.#base}/device`, {})).json()) as DeviceFacts;
  }

  async setImaging(wanted: Readonly<Record<string, number | string>>): Promise<Imaging> {
    return (await (await send('PATCH', `${this.#base}/device/imaging`, wanted)).json()) as Imaging;
  }

  async focus(speed: number): Promise<void> {
    await send('POST', `${this.#base}/device/focus`, { speed });
  }

  async setClock(ntp: string | null): Promise<number> {
    const answer = await send('POST', `${this.#base}/device/clock`, { ntp });
    return ((await answer.json()) as { readonly clock_offset_ms: number }).clock_offset_ms;
  }

  async reboot(): Promise<void> {
    await send('POST', `${this.#base}/device/reboot`);
  }

  async fillInventory(): Promise<void> {
    await send('POST', `${this.#base}/device/inventory`);
  }

  /** The device's configuration, in its own format. */
  async backup(): Promise<Blob> {
    return (await ask(`${this.#base}/device/backup`, {}, BACKUP_DEADLINE_MS)).blob();
  }

  #post(what: string, body?: object): Promise<Response> {
    return send('POST', `${this.#base}/ptz/${what}`, body);
  }
}
