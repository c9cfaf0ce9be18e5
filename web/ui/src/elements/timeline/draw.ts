// The timeline on its canvas: axis, lanes, footage, gaps with their cause, activity, holds, the
// future. Draws what it is given and remembers nothing.

import { formatDay, formatSpan, type Lang } from '../../lib/time';
import type { Gap, Timeline } from '../../lib/media/server';
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
  readonly hold: string;
  readonly font: string;
}

export interface LaneContent {
  readonly label: string;
  readonly isSelected: boolean;
  readonly timelines: readonly Timeline[];
  readonly gaps: readonly Gap[];
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
const PAD = 3;
const BAR_MAX = 30;
const NOTCH = 10;

export function layoutOf(width: number, height: number, names: boolean, lanes: number): Layout {
  const left = names && width > 480 ? NAMES : 0;
  const lane = Math.max(12, (height - AXIS) / Math.max(1, lanes));
  return { width: Math.max(1, width - left), height, left, axis: AXIS, lane };
}

export function draw(context: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  const { layout } = scene;
  context.clearRect(0, 0, layout.left + layout.width, layout.height);
  context.textBaseline = 'middle';
  scene.lanes.forEach((lane, index) => drawLane(context, scene, palette, lane, index));
  drawFuture(context, scene, palette);
  drawAxis(context, scene, palette);
}

function xOf(scene: Scene, at: number): number {
  return scene.layout.left + toX(scene.view, scene.layout.width, at);
}

function drawAxis(context: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  const { layout } = scene;
  context.font = `12px ${palette.font}`;
  context.textAlign = 'left';
  const date = formatDay(scene.view.start, scene.zone, scene.lang);
  let free = layout.left;
  if (layout.left > 0) {
    context.fillStyle = palette.muted;
    context.fillText(date, 12, AXIS / 2);
  } else if (!scene.ticks.some((tick) => tick.isDay && xOf(scene, tick.at) < 120)) {
    // Without a column of names the date stands first on the axis, where no day begins at once.
    context.fillStyle = palette.text;
    context.fillText(date, 8, AXIS / 2);
    free = 8 + context.measureText(date).width + 10;
  }
  for (const tick of scene.ticks) {
    const x = Math.round(xOf(scene, tick.at)) + 0.5;
    const isNamedDay = tick.isDay && tick.label !== '';
    context.strokeStyle = isNamedDay ? palette.strong : palette.line;
    context.beginPath();
    context.moveTo(x, isNamedDay ? 2 : AXIS - 7);
    context.lineTo(x, isNamedDay ? layout.height : AXIS);
    context.stroke();
    const ends = x + 5 + context.measureText(tick.label).width;
    if (tick.label === '' || x < free || ends > layout.left + layout.width) continue;
    context.fillStyle = tick.isDay ? palette.text : palette.muted;
    context.fillText(tick.label, x + 5, AXIS / 2);
  }
}

function drawLane(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  lane: LaneContent,
  index: number,
): void {
  const { layout } = scene;
  const top = layout.axis + index * layout.lane;
  context.fillStyle = lane.isSelected ? palette.raised : palette.panel;
  context.fillRect(layout.left, top, layout.width, layout.lane);
  context.fillStyle = palette.line;
  context.fillRect(0, Math.round(top), layout.left + layout.width, 1);
  drawName(context, layout, palette, lane, top);
  context.save();
  context.beginPath();
  context.rect(layout.left, top, layout.width, layout.lane);
  context.clip();
  for (const timeline of lane.timelines) drawTimeline(context, scene, palette, timeline, top, lane.isSelected);
  let notched = -Infinity;
  for (const gap of lane.gaps) notched = drawGap(context, scene, palette, gap, top, notched);
  if (lane.failure !== '') drawWords(context, palette.gapText, palette.font, lane.failure, layout, top);
  context.restore();
}

function drawName(
  context: CanvasRenderingContext2D,
  layout: Layout,
  palette: Palette,
  lane: LaneContent,
  top: number,
): void {
  if (layout.left === 0) return;
  context.font = `${lane.isSelected ? '600 ' : ''}12px ${palette.font}`;
  context.textAlign = 'left';
  context.fillStyle = lane.isSelected ? palette.text : palette.muted;
  const name = shortened(context, lane.label, layout.left - 20);
  context.fillText(name, 12, top + layout.lane / 2);
}

function shortened(context: CanvasRenderingContext2D, words: string, room: number): string {
  if (context.measureText(words).width <= room) return words;
  let cut = words.length;
  while (cut > 1 && context.measureText(`${words.slice(0, cut)}…`).width > room) cut -= 1;
  return `${words.slice(0, cut).trimEnd()}…`;
}

interface Bar {
  readonly top: number;
  readonly height: number;
}

/** The footage bar: most of the lane, or its lower part when activity is drawn above. */
function barOf(layout: Layout, top: number, hasActivity: boolean): Bar {
  const room = layout.lane - 2 * PAD;
  if (hasActivity) {
    const height = Math.max(4, Math.min(BAR_MAX, room * 0.38));
    return { top: top + layout.lane - PAD - height, height };
  }
  const height = Math.max(4, Math.min(BAR_MAX, room * 0.72));
  return { top: top + (layout.lane - height) / 2, height };
}

function drawTimeline(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  timeline: Timeline,
  top: number,
  isSelected: boolean,
): void {
  const { layout } = scene;
  // To whole device pixels: half-covered ones would show as seams between tiles.
  const edge = (at: number): number => snapped(context, xOf(scene, at));
  const from = Math.max(layout.left, edge(timeline.start));
  const to = Math.min(layout.left + layout.width, edge(timeline.end));
  if (to <= from) return;
  // A finer answer covers the coarser one below it wholly.
  context.fillStyle = isSelected ? palette.raised : palette.panel;
  context.fillRect(from, top + 1, to - from, layout.lane - 1);
  const bar = barOf(layout, top, timeline.activity.length > 0);
  context.fillStyle = palette.footage;
  for (const span of timeline.spans) {
    const left = Math.max(from, edge(span.start));
    const right = Math.min(to, Math.max(edge(span.end), left + 0.5));
    if (right > left) context.fillRect(left, bar.top, right - left, bar.height);
  }
  drawActivity(context, scene, palette, timeline, top + PAD, bar.top - 1);
  context.fillStyle = palette.hold;
  for (const hold of timeline.holds) {
    const left = Math.max(from, edge(hold.start));
    const right = Math.min(to, edge(hold.end));
    if (right > left) context.fillRect(left, bar.top + bar.height - 3, right - left, 3);
  }
}

function snapped(context: CanvasRenderingContext2D, x: number): number {
  const ratio = context.getTransform().a;
  return Math.round(x * ratio) / ratio;
}

function drawActivity(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  timeline: Timeline,
  top: number,
  base: number,
): void {
  if (timeline.activity.length === 0) return;
  context.fillStyle = palette.activity;
  context.globalAlpha = 0.45;
  context.beginPath();
  for (const step of timeline.activity) {
    const left = snapped(context, xOf(scene, step.start));
    const height = (base - top) * Math.min(1, Math.max(0, step.level));
    context.rect(left, base - height, snapped(context, xOf(scene, step.end)) - left, height);
  }
  context.fill();
  context.globalAlpha = 1;
}

/**
 * A gap has its own shape at every width: a notched mark, a hatched field, a field with words.
 * `notched`: where the last notch stands; returns where it stands now. Crowded ones are left out.
 */
function drawGap(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  gap: Gap,
  top: number,
  notched: number,
): number {
  const { layout } = scene;
  const right = layout.left + layout.width;
  const from = xOf(scene, gap.start);
  const to = xOf(scene, gap.end);
  if (to < layout.left || from > right) return notched;
  const y = top + PAD;
  const height = layout.lane - 2 * PAD;
  if (to - from < 5) {
    const x = (from + to) / 2;
    drawMark(context, palette, x, Math.max(2, to - from), y, height);
    if (x - notched < NOTCH) return notched;
    drawNotch(context, palette, x, y);
    return x;
  }
  const left = Math.max(layout.left - 2, from);
  const width = Math.min(right + 2, to) - left;
  context.fillStyle = palette.gap;
  context.fillRect(left, y, width, height);
  hatch(context, palette, left, y, width, height);
  context.fillStyle = palette.gapEdge;
  context.fillRect(left, y, 1.5, height);
  context.fillRect(left + width - 1.5, y, 1.5, height);
  drawCause(context, scene, palette, gap, { left, width, middle: top + layout.lane / 2 });
  return notched;
}

function drawMark(
  context: CanvasRenderingContext2D,
  palette: Palette,
  x: number,
  width: number,
  y: number,
  height: number,
): void {
  context.fillStyle = palette.gap;
  context.fillRect(x - width / 2 - 1, y, width + 2, height);
  context.fillStyle = palette.gapEdge;
  context.fillRect(x - width / 2, y, width, height);
}

function drawNotch(context: CanvasRenderingContext2D, palette: Palette, x: number, y: number): void {
  context.fillStyle = palette.gapEdge;
  context.beginPath();
  context.moveTo(x - 4, y - PAD);
  context.lineTo(x + 4, y - PAD);
  context.lineTo(x, y + 4);
  context.fill();
}

function hatch(
  context: CanvasRenderingContext2D,
  palette: Palette,
  left: number,
  top: number,
  width: number,
  height: number,
): void {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.strokeStyle = palette.gapEdge;
  context.globalAlpha = 0.22;
  context.lineWidth = 1;
  context.beginPath();
  // Anchored to the page, not to the gap, so that hatching stands still while gaps grow.
  for (let x = Math.floor((left - height) / 8) * 8; x < left + width; x += 8) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

interface Field {
  readonly left: number;
  readonly width: number;
  readonly middle: number;
}

function drawCause(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  gap: Gap,
  field: Field,
): void {
  context.font = `12px ${palette.font}`;
  context.textAlign = 'center';
  const cause = scene.causes[gap.cause] ?? gap.cause.replaceAll('_', ' ');
  const span = formatSpan(gap.end - gap.start, scene.lang);
  const words = [`${cause} · ${span}`, cause, span].find((text) => context.measureText(text).width < field.width - 14);
  if (words === undefined) return;
  const width = context.measureText(words).width + 10;
  const x = field.left + field.width / 2;
  // Its own ground: letters over hatching are hard to read from two metres.
  context.fillStyle = palette.gap;
  context.fillRect(x - width / 2, field.middle - 9, width, 18);
  context.fillStyle = palette.gapText;
  context.fillText(words, x, field.middle + 0.5);
}

function drawWords(
  context: CanvasRenderingContext2D,
  colour: string,
  font: string,
  words: string,
  layout: Layout,
  top: number,
): void {
  context.font = `12px ${font}`;
  context.textAlign = 'left';
  context.fillStyle = colour;
  context.fillText(words, layout.left + 12, top + layout.lane / 2);
}

function drawFuture(context: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  const { layout } = scene;
  const x = xOf(scene, scene.now);
  const right = layout.left + layout.width;
  if (x >= right) return;
  const from = Math.max(layout.left, x);
  context.fillStyle = palette.panel;
  context.globalAlpha = 0.75;
  context.fillRect(from, layout.axis + 1, right - from, layout.height);
  context.globalAlpha = 1;
  if (x < layout.left) return;
  context.strokeStyle = palette.accent;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, layout.axis);
  context.lineTo(Math.round(x) + 0.5, layout.height);
  context.stroke();
  context.setLineDash([]);
  context.font = `11px ${palette.font}`;
  context.textAlign = 'left';
  if (right - x < context.measureText(scene.nowWord).width + 10) return;
  context.fillStyle = palette.accent;
  context.fillText(scene.nowWord, x + 5, layout.axis + 10);
}
