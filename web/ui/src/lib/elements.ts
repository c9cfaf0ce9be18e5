// The custom elements as the pages' markup writes them; the elements know nothing of the pages.

import type { HTMLAttributes } from 'svelte/elements';
import type { PlayerEvents, VmsPlayer } from '../elements/player';
import type { PtzEvents, VmsPtz } from '../elements/ptz';
import type { Marks } from './marks';
import type { Span } from './media/server';
import type { TimelineEvents, TimelineLabels, View, VmsTimeline } from '../elements/timeline';

export type { VmsPlayer } from '../elements/player';
export type { PtzState, VmsPtz } from '../elements/ptz';
export type { TimelineLabels, View, VmsTimeline } from '../elements/timeline';
export type { PathName, PlayerState } from './media/phase';

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

interface PtzAttributes extends HTMLAttributes<VmsPtz> {
  camera?: string;
  aspect?: number;
  onstate?: (event: PtzEvents['state']) => void;
  onpreset?: (event: PtzEvents['preset']) => void;
  onleave?: (event: PtzEvents['leave']) => void;
}

interface TimelineAttributes extends HTMLAttributes<VmsTimeline> {
  camera?: string;
  zone?: string;
  labels?: Partial<TimelineLabels>;
  playhead?: number | null;
  marks?: Marks;
  spot?: Span | null;
  view?: View;
  onseek?: (event: TimelineEvents['seek']) => void;
  onview?: (event: TimelineEvents['view']) => void;
}

declare module 'svelte/elements' {
  interface SvelteHTMLElements {
    'vms-player': PlayerAttributes;
    'vms-ptz': PtzAttributes;
    'vms-timeline': TimelineAttributes;
  }
}
