// The registry over HTTP: cameras added and changed, found and tried. Part of `Api`, which lends it
// its ways of asking.

import type { ScheduleUse } from './hours';
import type {
  Chosen,
  Entry,
  PastChange,
  Registered,
  Search,
  SearchOrder,
  TakenChange,
  Tried,
} from './registry';

export interface Asking {
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
  change<T>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: object | string,
    more?: { signal?: AbortSignal; deadlineMs?: number },
  ): Promise<T>;
}

// A trial dials a camera that may answer late; a file's cameras are checked one by one.
const TRIAL_MS = 60_000;
const FILE_MS = 30_000;

export type FileForm = 'csv' | 'toml';

export class RegistryApi {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  list(signal?: AbortSignal): Promise<readonly Registered[]> {
    return this.#asking.get('/api/registry', signal);
  }

  settings(id: string, signal?: AbortSignal): Promise<Registered> {
    return this.#asking.get(`${cameraUrl(id)}/settings`, signal);
  }

  schedules(signal?: AbortSignal): Promise<readonly ScheduleUse[]> {
    return this.#asking.get('/api/schedules', signal);
  }

  makeSchedule(name: string, spans: readonly string[]): Promise<ScheduleUse> {
    return this.#asking.change('POST', '/api/schedules', { name, spans });
  }

  changeSchedule(name: string, spans: readonly string[]): Promise<ScheduleUse> {
    return this.#asking.change('PUT', scheduleUrl(name), { spans });
  }

  removeSchedule(name: string): Promise<unknown> {
    return this.#asking.change('DELETE', scheduleUrl(name));
  }

  add(camera: Entry): Promise<Registered> {
    return this.#asking.change('POST', '/api/cameras', camera);
  }

  /** `patch`: a merge patch; null takes a value away. */
  change(id: string, patch: Entry): Promise<Registered> {
    return this.#asking.change('PATCH', cameraUrl(id), patch);
  }

  replace(id: string, device: Entry): Promise<Registered> {
    return this.#asking.change('POST', `${cameraUrl(id)}/replace`, device);
  }

  remove(id: string): Promise<unknown> {
    return this.#asking.change('DELETE', cameraUrl(id));
  }

  history(id: string, signal?: AbortSignal): Promise<readonly PastChange[]> {
    return this.#asking.get(`${cameraUrl(id)}/history`, signal);
  }

  /** `id` null: an address that nobody has recorded yet; else a registered camera, patched. */
  test(id: string | null, entry: Entry, signal: AbortSignal): Promise<Tried> {
    const path = id === null ? '/api/cameras/test' : `${cameraUrl(id)}/test`;
    return this.#asking.change('POST', path, entry, { signal, deadlineMs: TRIAL_MS });
  }

  /** What the file's cameras change; with `dry` nothing is changed yet. */
  importFile(text: string, form: FileForm, dry: boolean): Promise<readonly TakenChange[]> {
    const path = `/api/registry/file?form=${form}&dry_run=${String(dry)}`;
    return this.#asking.change('POST', path, text, { deadlineMs: FILE_MS });
  }

  networks(signal?: AbortSignal): Promise<readonly string[]> {
    return this.#asking.get('/api/discovery/networks', signal);
  }

  searches(signal?: AbortSignal): Promise<readonly Search[]> {
    return this.#asking.get('/api/discovery', signal);
  }

  search(order: SearchOrder): Promise<Search> {
    return this.#asking.change('POST', '/api/discovery', order);
  }

  /** What it has found so far stays. */
  stopSearch(id: string): Promise<Search> {
    return this.#asking.change('POST', `/api/discovery/${encodeURIComponent(id)}/stop`);
  }

  /** The streams of a found camera, before it is recorded. */
  testFound(search: string, number: number, signal: AbortSignal): Promise<Tried> {
    const path = `/api/discovery/${encodeURIComponent(search)}/cameras/${String(number)}/test`;
    return this.#asking.change('POST', path, {}, { signal, deadlineMs: TRIAL_MS });
  }

  addFound(search: string, chosen: readonly Chosen[]): Promise<{ readonly cameras: readonly string[] }> {
    return this.#asking.change('POST', `/api/discovery/${encodeURIComponent(search)}/cameras`, chosen);
  }
}

function cameraUrl(id: string): string {
  return `/api/cameras/${encodeURIComponent(id)}`;
}

function scheduleUrl(name: string): string {
  return `/api/schedules/${encodeURIComponent(name)}`;
}

/** Where the registry is downloaded from. */
export function registryFilePath(form: FileForm, excel = false): string {
  return `/api/registry/file?form=${form}${excel ? '&excel=true' : ''}`;
}

/** The picture of a found camera. */
export function foundPicturePath(search: string, number: number): string {
  return `/api/discovery/${encodeURIComponent(search)}/pictures/${String(number)}.jpg`;
}
