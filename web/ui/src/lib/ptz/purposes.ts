// What each camera is steered for, as this person wrote it: once, on a tile or on the camera's page.

/** So long after the last steering it need not be written again. */
export const KEPT_MS = 10 * 60_000;

interface Said {
  readonly words: string;
  readonly at: number;
}

/** `now`: ms of any steady clock. */
export class Purposes {
  readonly #said = new Map<string, Said>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** What this person wrote for this camera; empty when there is none, or it is too old. */
  of(who: string, camera: string): string {
    const said = this.#said.get(key(who, camera));
    return said !== undefined && this.now() - said.at < KEPT_MS ? said.words : '';
  }

  /** Written, or used once more. Empty words are forgotten. */
  say(who: string, camera: string, words: string): void {
    if (words === '') this.#said.delete(key(who, camera));
    else this.#said.set(key(who, camera), { words, at: this.now() });
  }
}

function key(who: string, camera: string): string {
  return `${camera} ${who}`; // a camera's id has no space
}

export const purposes = new Purposes();
