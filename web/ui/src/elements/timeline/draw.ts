// The timeline on its canvas: axis, lanes, footage, activity, the future. Gaps are drawn by gaps.ts,
// holds and marks by overlay.ts. Draws what it is given and remembers nothing.

import { formatDay } from '../../lib/time';
import type { Span, Timeline } from '../../lib/media/server';
import { drawGap } from './gaps';
import { drawEvents, drawHolds, drawMarks, drawSpot } from './overlay';
import { AXIS, barOf, PAD, snapped, xOf, type LaneContent, type Layout, type Palette, type Scene } from './scene';

export function draw(context: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  const { layout } = scene;
  context.clearRect(0, 0, layout.left + layout.width, layout.height);
  context.textBaseline = 'middle';
  scene.lanes.forEach((lane, index) => drawLane(context, scene, palette, lane, index));
  drawFuture(context, scene, palette);
  drawAxis(context, scene, palette);
  drawSpot(context, scene, palette);
  drawMarks(context, scene, palette);
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
    context.lineTo(x, AXIS);
    context.stroke();
    const ends = x + 5 + context.measureText(tick.label).width;
    if (tick.label === '' || x < free || ends > layout.left + layout.width) continue;
    context.fillStyle = tick.isDay ? palette.text : palette.muted;
    context.fillText(tick.label, x + 5, AXIS / 2);
  }
}

/** Where days begin in a lane: over footage and gaps, below what a line could hide. */
function drawDays(context: CanvasRenderingContext2D, scene: Scene, palette: Palette, top: number): void {
  context.fillStyle = palette.strong;
  for (const tick of scene.ticks) {
    if (!tick.isDay || tick.label === '') continue;
    context.fillRect(Math.round(xOf(scene, tick.at)), top, 1, scene.layout.lane);
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
  drawDays(context, scene, palette, top);
  for (const timeline of lane.timelines) drawIslands(context, scene, palette, timeline, top);
  const hasActivity = lane.timelines.some((timeline) => timeline.activity.length > 0);
  drawHolds(context, scene, palette, lane.holds, barOf(layout, top, hasActivity), top);
  drawEvents(context, scene, palette, lane.events, top);
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
    const right = Math.min(to, Math.max(edge(span.end), left + 1));
    if (right > left) context.fillRect(left, bar.top, right - left, bar.height);
  }
  drawActivity(context, scene, palette, timeline, top + PAD, bar.top - 1);
}

// Footage this narrow is drawn again over the gaps: merged to the pixel, they would cover it.
const ISLAND = 2;

/** Seconds of footage between gaps of days: still something to find on the line. */
function drawIslands(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  timeline: Timeline,
  top: number,
): void {
  const bar = barOf(scene.layout, top, timeline.activity.length > 0);
  const isNarrow = (span: Span): boolean => xOf(scene, span.end) - xOf(scene, span.start) < ISLAND;
  context.fillStyle = palette.footage;
  for (const span of timeline.spans.filter(isNarrow)) {
    // Where a tile ends in footage, the rest stands in the next one: no island.
    if (span.start <= timeline.start || span.end >= timeline.end) continue;
    const left = snapped(context, xOf(scene, span.start));
    context.fillRect(left, bar.top, Math.max(1, xOf(scene, span.end) - left), bar.height);
  }
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
  // As sound is drawn: the highest pale behind the mean, so that a short something is seen too.
  for (const [alpha, level] of [[0.3, 'peak'], [0.55, 'level']] as const) {
    context.globalAlpha = alpha;
    context.beginPath();
    for (const step of timeline.activity) {
      const left = snapped(context, xOf(scene, step.start));
      const height = (base - top) * Math.min(1, Math.max(0, step[level]));
      context.rect(left, base - height, snapped(context, xOf(scene, step.end)) - left, height);
    }
    context.fill();
  }
  context.globalAlpha = 1;
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
