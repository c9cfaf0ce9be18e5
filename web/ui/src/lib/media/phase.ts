// The words in which players say how they are; screens translate them.

export type Phase = 'connecting' | 'playing' | 'stalled' | 'gap' | 'failed' | 'ended';

export type PathName = 'webrtc' | 'mse' | 'archive';

/** Detail of the players' `state` event. */
export interface PlayerState {
  readonly phase: Phase;
  readonly path: PathName;
  /** What is wrong, as a code: a gap's or camera's cause, a problem's code, `network`, `codec`, … */
  readonly why: string;
  /** Why this path and no other: `h264`, `codec`, `b_frames`, `ice`, `no_picture`, `no_webrtc`, … */
  readonly pathWhy: string;
  /** One sentence from the server, in English, or empty. */
  readonly detail: string;
  /** When the next attempt comes, in ms since 1970; null when none is needed. */
  readonly retryAt: number | null;
}

/** What `<vms-player>.stats` tells. */
export interface PlayerStats {
  readonly path: PathName;
  readonly firstFrameMs: number | null;
  readonly decoded: number;
  readonly dropped: number;
  readonly latencyMs: number | null;
  readonly fps: number;
}
