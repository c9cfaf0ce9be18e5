// What stands on the timeline beside footage and gaps: events, holds beside the footage, the span pointed out and In and
// Out marks over everything.
// Drawn on draw.ts's canvas.

import type { Happening, HeldSpan } from '../../lib/media/server';
import { snapped, xOf, type Bar, type Palette, type Scene } from './scene';

const BAND = 17;
const THIN = 3;
const NARROW = 9;

/** Holds have their own shape at every width: a pin, a hatched band, a band with lock and word. */
export function drawHolds(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  holds: readonly HeldSpan[],
  bar: Bar,
  top: number,
): void {
  const { layout } = scene;
  // Below the footage where there is room for words, else a strip along its lower edge.
  const room = top + layout.lane - (bar.top + bar.height) - 3;
  const isThin = room < BAND;
  const height = isThin ? THIN : BAND;
  const y = isThin ? bar.top + bar.height - THIN : bar.top + bar.height + 3;
  for (const hold of holds) {
    const from = snapped(context, xOf(scene, hold.start));
    const to = snapped(context, xOf(scene, hold.end));
    if (to < layout.left || from > layout.left + layout.width) continue;
    if (to - from < NARROW && !isThin) drawPin(context, palette, (from + to) / 2, y, bar);
    else drawBand(context, scene, palette, { left: from, width: Math.max(2, to - from), y, height });
  }
}

const EVENT_HEIGHT = 5;
const EVENT_HALF = 3.5;

/** Each event a bar along the lane's upper edge, with a wedge where it begins; crowded wedges are left out. */
export function drawEvents(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  events: readonly Happening[],
  top: number,
): void {
  const right = scene.layout.left + scene.layout.width;
  context.fillStyle = palette.event;
  let last = -Infinity;
  for (const event of events) {
    const from = snapped(context, xOf(scene, event.start));
    const to = snapped(context, xOf(scene, event.end));
    if (to < scene.layout.left || from > right) continue;
    context.fillRect(from, top + 1, Math.max(1, to - from), 2);
    if (from - last < 2 * EVENT_HALF) continue;
    last = from;
    context.beginPath();
    context.moveTo(from - EVENT_HALF, top + 1);
    context.lineTo(from + EVENT_HALF, top + 1);
    context.lineTo(from, top + 1 + EVENT_HEIGHT);
    context.fill();
  }
}

interface Box {
  readonly left: number;
  readonly width: number;
  readonly y: number;
  readonly height: number;
}

function drawPin(context: CanvasRenderingContext2D, palette: Palette, x: number, y: number, bar: Bar): void {
  context.fillStyle = palette.hold;
  context.fillRect(x - 0.75, bar.top, 1.5, bar.height + 5);
  drawLock(context, palette, x, y + BAND / 2);
}

function drawBand(context: CanvasRenderingContext2D, scene: Scene, palette: Palette, box: Box): void {
  const { left, width, y, height } = box;
  if (height <= THIN) {
    context.fillStyle = palette.hold;
    context.fillRect(left, y, width, height);
    return;
  }
  context.fillStyle = palette.holdGround;
  context.fillRect(left, y, width, height);
  context.fillStyle = palette.hold;
  context.fillRect(left, y, width, 1.5);
  context.fillRect(left, y - 4, 1.5, height + 4);
  context.fillRect(left + width - 1.5, y - 4, 1.5, height + 4);
  const seenLeft = Math.max(left, scene.layout.left);
  const seen = Math.min(left + width, scene.layout.left + scene.layout.width) - seenLeft;
  context.font = `11px ${palette.font}`;
  const words = context.measureText(scene.holdWord).width;
  const isSaid = seen > words + 34;
  if (seen < 14) return;
  const middle = y + height / 2 + 0.5;
  const lockX = isSaid ? seenLeft + 12 : seenLeft + seen / 2;
  drawLock(context, palette, lockX, middle);
  if (!isSaid) return;
  context.textAlign = 'left';
  context.fillStyle = palette.hold;
  context.fillText(scene.holdWord, seenLeft + 21, middle + 0.5);
}

function drawLock(context: CanvasRenderingContext2D, palette: Palette, x: number, y: number): void {
  context.fillStyle = palette.hold;
  context.strokeStyle = palette.hold;
  context.lineWidth = 1.4;
  context.fillRect(x - 4, y - 0.5, 8, 5.5);
  context.beginPath();
  context.arc(x, y - 1, 2.6, Math.PI, 0);
  context.stroke();
  context.lineWidth = 1;
}

/** The marked span: shaded, its ends lines with a flag that points inwards and says I or O. */
export function drawMarks(context: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  const { layout, marks } = scene;
  const right = layout.left + layout.width;
  const from = marks.in === null ? null : snapped(context, xOf(scene, marks.in));
  const to = marks.out === null ? null : snapped(context, xOf(scene, marks.out));
  context.save();
  context.beginPath();
  context.rect(layout.left, 0, layout.width, layout.height);
  context.clip();
  if (from !== null && to !== null && to > layout.left && from < right) {
    context.fillStyle = palette.accent;
    context.globalAlpha = 0.16;
    context.fillRect(from, layout.axis, to - from, layout.height - layout.axis);
    context.globalAlpha = 1;
    context.fillRect(from, layout.axis, Math.max(1, to - from), 2);
  }
  if (from !== null) drawFlag(context, layout.height, palette, from, 1, 'I');
  if (to !== null) drawFlag(context, layout.height, palette, to, -1, 'O');
  context.restore();
}

const FLAG_WIDTH = 14;
const FLAG_HEIGHT = 16;

function drawFlag(
  context: CanvasRenderingContext2D,
  height: number,
  palette: Palette,
  x: number,
  inwards: 1 | -1,
  letter: string,
): void {
  context.fillStyle = palette.accent;
  context.fillRect(x - 1, 4, 2, height - 4);
  context.beginPath();
  context.moveTo(x, 4);
  context.lineTo(x + inwards * FLAG_WIDTH, 4);
  context.lineTo(x + inwards * (FLAG_WIDTH - 4), 4 + FLAG_HEIGHT / 2);
  context.lineTo(x + inwards * FLAG_WIDTH, 4 + FLAG_HEIGHT);
  context.lineTo(x, 4 + FLAG_HEIGHT);
  context.fill();
  context.fillStyle = palette.panel;
  context.font = `700 11px ${palette.font}`;
  context.textAlign = 'center';
  context.fillText(letter, x + inwards * 6, 4 + FLAG_HEIGHT / 2 + 0.5);
}

const SPOT_LEAST = 8;
const SPOT_ARM = 5;

/** The span pointed out: square brackets around it, wide enough to be seen at every zoom. */
export function drawSpot(context: CanvasRenderingContext2D, scene: Scene, palette: Palette): void {
  const { layout, spot } = scene;
  if (spot === null) return;
  const middle = (xOf(scene, spot.start) + xOf(scene, spot.end)) / 2;
  const half = Math.max(SPOT_LEAST, xOf(scene, spot.end) - xOf(scene, spot.start)) / 2;
  const [from, to] = [Math.round(middle - half) - 1, Math.round(middle + half) + 1];
  if (to < layout.left || from > layout.left + layout.width) return;
  const [top, bottom] = [layout.axis + 1, layout.height - 1];
  context.save();
  context.beginPath();
  context.rect(layout.left, 0, layout.width, layout.height);
  context.clip();
  context.strokeStyle = palette.text;
  context.lineWidth = 2;
  for (const [x, arm] of [[from, SPOT_ARM], [to, -SPOT_ARM]] as const) {
    context.beginPath();
    context.moveTo(x + arm, top);
    context.lineTo(x, top);
    context.lineTo(x, bottom);
    context.lineTo(x + arm, bottom);
    context.stroke();
  }
  context.restore();
}
