// What the timeline draws from: its colours, its sizes, the lanes' contents; and where a moment
// lies on the canvas. Pure.

import type { Marks } from '../../lib/marks';
import type { Gap, Happening, HeldSpan, Span, Timeline } from '../../lib/media/server';
import type { Lang } from '../../lib/time';
import type { Tick } from './ticks';
import { toX, type View } from './view';

export interface Palette {
  readonly panel: string;
  readonly raised: string;
  readonly line: string;
  readonly strong: string;
  readonly text: string;
  readonly muted: string;
  readonly accent: string;
  readonly footage: string;
  readonly activity: string;
  readonly gap: string;
  readonly gapEdge: string;
  readonly gapText: string;
  readonly event: string;
  readonly hold: string;
  readonly holdGround: string;
  readonly deleted: string;
  readonly deletedEdge: string;
  readonly deletedText: string;
  readonly font: string;
}

export interface LaneContent {
  readonly label: string;
  readonly isSelected: boolean;
  readonly timelines: readonly Timeline[];
  readonly gaps: readonly Gap[];
  readonly holds: readonly HeldSpan[];
  readonly events: readonly Happening[];
  /** Words for a lane that could not be loaded, or empty. */
  readonly failure: string;
}

export interface Scene {
  readonly view: View;
  readonly now: number;
  readonly zone: string;
  readonly lang: Lang;
  readonly ticks: readonly Tick[];
  readonly lanes: readonly LaneContent[];
  readonly layout: Layout;
  readonly causes: Readonly<Record<string, string>>;
  readonly nowWord: string;
  readonly holdWord: string;
  readonly marks: Marks;
  readonly spot: Span | null;
}

/** Sizes in CSS pixels. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Where the time axis begins, right of the lanes' names. */
  readonly left: number;
  readonly axis: number;
  readonly lane: number;
}

export const AXIS = 24;
const NAMES = 116;
export const PAD = 3;
const BAR_MAX = 30;

export function layoutOf(width: number, height: number, names: boolean, lanes: number): Layout {
  const left = names && width > 480 ? NAMES : 0;
  const lane = Math.max(12, (height - AXIS) / Math.max(1, lanes));
  return { width: Math.max(1, width - left), height, left, axis: AXIS, lane };
}

export function xOf(scene: Scene, at: number): number {
  return scene.layout.left + toX(scene.view, scene.layout.width, at);
}

export interface Bar {
  readonly top: number;
  readonly height: number;
}

/** The footage bar: most of the lane, or its lower part when activity is drawn above. */
export function barOf(layout: Layout, top: number, hasActivity: boolean): Bar {
  const room = layout.lane - 2 * PAD;
  if (hasActivity) {
    const height = Math.max(4, Math.min(BAR_MAX, room * 0.38));
    return { top: top + layout.lane - PAD - height, height };
  }
  const height = Math.max(4, Math.min(BAR_MAX, room * 0.72));
  return { top: top + (layout.lane - height) / 2, height };
}

export function snapped(context: CanvasRenderingContext2D, x: number): number {
  const ratio = context.getTransform().a;
  return Math.round(x * ratio) / ratio;
}
