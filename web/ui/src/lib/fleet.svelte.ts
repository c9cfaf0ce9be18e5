// What the server says of its cameras and of itself, asked again and again while somebody looks:
// cameras every 2 s, their checks and the system every 10 s, nothing while the page is hidden.

import { ApiError, type Camera, type SystemFacts } from './api';
import type { HealthFacts } from './checkup';
import { clock } from './clock.svelte';
import { conditionOf, type Condition } from './condition';
import { session } from './session.svelte';
import { parseInstant } from './time';

const CAMERAS_MS = 2_000;
const SYSTEM_EVERY = 5; // rounds of the cameras

class Fleet {
  /** null until the first answer. */
  cameras = $state.raw<readonly Camera[] | null>(null);
  system = $state.raw<SystemFacts | null>(null);
  /** What the checks say; null until the first answer. */
  health = $state.raw<HealthFacts | null>(null);
  /** Why the last question failed; null when it was answered. */
  problem = $state.raw<ApiError | null>(null);
  /** When the cameras were last heard of, ms; 0 for never. */
  heardAt = $state(0);

  readonly byId: ReadonlyMap<string, Camera> = $derived(
    new Map((this.cameras ?? []).map((camera) => [camera.id, camera])),
  );
  readonly conditions: ReadonlyMap<string, Condition> = $derived(
    new Map((this.cameras ?? []).map((camera) => [camera.id, conditionOf(camera)])),
  );

  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;
  #round = 0;

  /** Poll until the returned function is called. */
  run(): () => void {
    const seen = (): void => {
      if (document.visibilityState === 'visible') void this.#ask();
    };
    document.addEventListener('visibilitychange', seen);
    this.#round = 0;
    void this.#ask();
    return () => {
      document.removeEventListener('visibilitychange', seen);
      clearTimeout(this.#timer);
      this.#asking?.abort();
      this.cameras = null;
      this.system = null;
      this.health = null;
      this.problem = null;
      this.heardAt = 0;
    };
  }

  /** Ask now, as the "try again" buttons do. */
  refresh(): void {
    this.#round = 0;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const asking = new AbortController();
    this.#asking = asking;
    try {
      if (this.#round % SYSTEM_EVERY === 0) {
        await this.#askSystem(asking.signal);
        this.health = await session.api.health(asking.signal);
      }
      const cameras = await session.api.cameras(asking.signal);
      const sick = new Map((this.health?.cameras ?? []).map((one) => [one.camera, one]));
      this.cameras = cameras.map((camera) => ({ ...camera, checkup: sick.get(camera.id) }));
      this.heardAt = clock.exact();
      this.problem = null;
      this.#round += 1;
    } catch (reason) {
      if (asking.signal.aborted) return;
      if (!(reason instanceof ApiError)) throw reason;
      this.problem = reason;
      this.#round = 0; // after an outage the system is asked first: the clock may have moved
    }
    if (document.visibilityState === 'visible' && !asking.signal.aborted) {
      this.#timer = setTimeout(() => void this.#ask(), CAMERAS_MS);
    }
  }

  async #askSystem(signal: AbortSignal): Promise<void> {
    const asked = Date.now();
    const system = await session.api.system(signal);
    clock.correct(parseInstant(system.now), asked, Date.now());
    this.system = system;
  }
}

export const fleet = new Fleet();

/** The site's zone; everything on the screens is in it. */
export function siteZone(): string {
  return fleet.system?.timezone ?? session.facts?.system.timezone ?? 'UTC';
}

/** A camera's name; of one that is gone, its id. */
export function cameraName(id: string): string {
  return fleet.byId.get(id)?.name ?? id;
}
