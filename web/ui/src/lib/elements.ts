// The custom elements as the pages' markup writes them; the elements know nothing of the pages.

import type { HTMLAttributes } from 'svelte/elements';
import type { PlayerEvents, VmsPlayer } from '../elements/player';

export type { VmsPlayer } from '../elements/player';
export type { PathName, PlayerState } from './media/phase';

/** A span of time on the timeline, ms since 1970. */
export interface View {
  readonly start: number;
  readonly end: number;
}

export interface TimelineElement extends HTMLElement {
  camera: string;
  zone: string;
  labels: Readonly<Record<string, string>>;
  playhead: number | null;
  now: number;
  view: View;
}

interface PlayerAttributes extends HTMLAttributes<VmsPlayer> {
  camera?: string;
  stream?: string;
  mode?: 'live' | 'archive';
  codec?: string | undefined;
  sound?: boolean;
  onstate?: (event: PlayerEvents['state']) => void;
  onfirstframe?: (event: PlayerEvents['firstframe']) => void;
  ontime?: (event: PlayerEvents['time']) => void;
  ongap?: (event: PlayerEvents['gap']) => void;
  onatlive?: (event: PlayerEvents['atlive']) => void;
}

interface TimelineAttributes extends HTMLAttributes<TimelineElement> {
  camera?: string;
  zone?: string;
  labels?: Readonly<Record<string, string>>;
  playhead?: number | null;
  now?: number;
  view?: View;
  onseek?: (event: CustomEvent<{ time: number }>) => void;
  onview?: (event: CustomEvent<View>) => void;
}

declare module 'svelte/elements' {
  interface SvelteHTMLElements {
    'vms-player': PlayerAttributes;
    'vms-timeline': TimelineAttributes;
  }
}
