// From hands that move all the time to commands that a camera bears: at most ten a second, one under
// way, renewed while something is held, and a stop that is never held back.

import { isSame, isStill, STILL, type Speed } from './speed';

export const COMMAND_EVERY_MS = 100;
/** The server ends a move after 2 s; it is sent again well before. */
export const RENEW_EVERY_MS = 600;

export interface Wheel {
  move(speed: Speed): Promise<void>;
  stop(): Promise<void>;
}

export class Driver {
  readonly #wheel: Wheel;
  #wanted: Speed = STILL;
  /** What the camera was last told; null when it stands. */
  #told: Speed | null = null;
  #toldAt = -Infinity;
  #underWay = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
  }

  /** Something turns, or will in a moment. */
  get busy(): boolean {
    return this.#told !== null || !isStill(this.#wanted);
  }

  /** Turn like this from now on; still is a release. */
  hold(speed: Speed): void {
    if (isStill(speed)) {
      this.release();
      return;
    }
    const news = this.#told === null || !isSame(speed, this.#told);
    this.#wanted = speed;
    if (news) this.#plan(COMMAND_EVERY_MS);
  }

  /** Stop. Sent at once, and once more if a move was still under way. */
  release(): void {
    this.#wanted = STILL;
    clearTimeout(this.#timer);
    if (this.#told === null) return;
    this.#told = null;
    void this.#wheel.stop();
  }

  #plan(after: number): void {
    clearTimeout(this.#timer);
    if (this.#underWay) return; // planned when it has ended
    const wait = Math.max(0, this.#toldAt + after - performance.now());
    if (wait === 0) void this.#tell();
    else this.#timer = setTimeout(() => void this.#tell(), wait);
  }

  async #tell(): Promise<void> {
    const speed = this.#wanted;
    if (isStill(speed)) return;
    this.#told = speed;
    this.#toldAt = performance.now();
    this.#underWay = true;
    try {
      await this.#wheel.move(speed);
    } finally {
      this.#underWay = false;
      if (isStill(this.#wanted)) void this.#wheel.stop();
      else this.#plan(isSame(this.#wanted, speed) ? RENEW_EVERY_MS : COMMAND_EVERY_MS);
    }
  }
}
