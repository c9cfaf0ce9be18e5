// What the camera page's buttons and keys do to its player, and what they show of it.

import { clock } from './clock.svelte';
import type { PlayerState, VmsPlayer } from './elements';

export const RATES: readonly number[] = [0.125, 0.25, 0.5, 1, 2, 4, 8, 16];
const RATE_MAX = 16;

/** Faster in this direction: from standing, slow or the other way it begins at 1×. Pure. */
export function faster(rate: number, paused: boolean, direction: 1 | -1): number {
  const along = rate * direction;
  if (paused || along < 1) return direction;
  return direction * Math.min(RATE_MAX, along * 2);
}

export class Playback {
  player = $state.raw<VmsPlayer | null>(null);
  state = $state.raw<PlayerState | null>(null);
  live = $state(true);
  paused = $state(false);
  rate = $state(1);
  muted = $state(true);
  hasPicture = $state(false);
  #at = $state(NaN);

  /** What the picture shows, ms since 1970. */
  get at(): number {
    return this.live ? clock.now : this.#at;
  }

  /** The same to the millisecond, for snapshots and jumps. */
  exact(): number {
    const at = this.player?.currentTime ?? NaN;
    if (this.live || Number.isNaN(at)) return this.live ? clock.exact() : this.#at;
    return at;
  }

  told(state: PlayerState): void {
    this.state = state;
    this.#follow();
  }

  timed(time: number): void {
    if (!this.live) this.#at = time;
  }

  seek(at: number): void {
    this.#at = Math.min(at, clock.exact());
    this.player?.seek(this.#at);
    this.#follow();
  }

  nudge(span: number): void {
    this.seek(this.exact() + span);
  }

  /** What comes with the picture has changed: ask for it anew. */
  reopen(): void {
    this.player?.reopen();
  }

  goLive(): void {
    this.player?.goLive();
    this.#follow();
  }

  toggle(): void {
    if (this.live) this.#at = clock.exact();
    if (this.paused) this.player?.play();
    else this.player?.pause();
    this.#follow();
  }

  pause(): void {
    if (!this.paused) this.toggle();
  }

  setRate(rate: number): void {
    const player = this.player;
    if (player === null || (this.live && rate > 0)) return;
    if (this.live) this.#at = clock.exact();
    player.rate = rate;
    player.play();
    this.#follow();
  }

  shuttle(direction: 1 | -1): void {
    this.setRate(faster(this.live ? 1 : this.rate, this.paused, direction));
  }

  step(frames: number): void {
    if (this.live) this.#at = clock.exact();
    this.player?.step(frames);
    this.#follow();
  }

  toggleSound(): void {
    this.muted = !this.muted;
    if (this.player) this.player.muted = this.muted;
  }

  #follow(): void {
    const player = this.player;
    if (player === null) return;
    this.live = player.mode === 'live';
    this.paused = player.paused;
    this.rate = player.rate;
  }
}
