// From hands that move all the time to commands that a camera bears: at most ten a second, one under
// way, renewed while something is held, and a stop that is never held back.

import { isSame, isStill, STILL, type Speed } from './speed';

export const COMMAND_EVERY_MS = 100;
/** The server ends a move after 2 s; it is sent again well before. */
export const RENEW_EVERY_MS = 600;

/** Neither throws. `move` says whether the camera may turn now: one that was refused needs no stop. */
export interface Wheel {
  move(speed: Speed): Promise<boolean>;
  stop(): Promise<void>;
}

export class Driver {
  readonly #wheel: Wheel;
  #wanted: Speed = STILL;
  /** What the camera was last told; null when it stands. */
  #told: Speed | null = null;
  #toldAt = -Infinity;
  #underWay: Promise<void> | null = null;
  #stopping: Promise<unknown> = Promise.resolve();
  #ended = false;
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
    if (this.#ended) return;
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
    this.#stop();
  }

  /** Stop, and turn no more: resolves once the camera was told the last of it. */
  async end(): Promise<void> {
    this.#ended = true;
    this.release();
    await this.#underWay;
    await this.#stopping;
  }

  #stop(): void {
    this.#stopping = Promise.all([this.#stopping, this.#wheel.stop()]);
  }

  #plan(after: number): void {
    clearTimeout(this.#timer);
    if (this.#underWay !== null) return; // planned when it has ended
    const wait = Math.max(0, this.#toldAt + after - performance.now());
    if (wait === 0) this.#begin();
    else this.#timer = setTimeout(() => this.#begin(), wait);
  }

  #begin(): void {
    if (!isStill(this.#wanted)) this.#underWay = this.#tell(this.#wanted);
  }

  async #tell(speed: Speed): Promise<void> {
    this.#told = speed;
    this.#toldAt = performance.now();
    let turns = false;
    try {
      turns = await this.#wheel.move(speed);
    } finally {
      this.#underWay = null;
      this.#after(speed, turns);
    }
  }

  /** The camera was told, and whether it may turn now. */
  #after(speed: Speed, turns: boolean): void {
    if (!turns) {
      clearTimeout(this.#timer);
      this.#wanted = STILL;
      this.#told = null;
    } else if (isStill(this.#wanted)) this.#stop();
    else {
      // Let go of and taken up again meanwhile: the stop between may have come last.
      const goesOn = this.#told !== null && isSame(this.#wanted, speed);
      this.#plan(goesOn ? RENEW_EVERY_MS : COMMAND_EVERY_MS);
    }
  }
}
