// Which of a camera's two streams a screen shows live. Pure; what the browser plays is handed in.

import type { Camera } from './api';

export type CanPlay = (codec: string | null) => boolean;

function subWorks(camera: Camera): boolean {
  const state = camera.streams.sub?.state;
  return state === 'streaming' || state === 'recording' || state === 'waiting';
}

/** A small tile: the sub-stream where it works and plays, else the main one. */
export function tileStream(camera: Camera, canPlay: CanPlay): 'main' | 'sub' {
  return subWorks(camera) && canPlay(camera.streams.sub?.codec ?? null) ? 'sub' : 'main';
}

/** A whole page: the main stream, unless only the other can be played here. */
export function pageStream(camera: Camera, canPlay: CanPlay): 'main' | 'sub' {
  return canPlay(camera.streams.main?.codec ?? null) ? 'main' : tileStream(camera, canPlay);
}
