// Gaps on the timeline's canvas: each cause in words where there is room, a shape at every width;
// what was deleted by rule or not wanted calmly, as nothing is wrong.

import { formatSpan } from '../../lib/time';
import type { Gap } from '../../lib/media/server';
import { isCalm } from '../../lib/gaps';
import { barOf, PAD, xOf, type Palette, type Scene } from './scene';

const NOTCH = 10;

/**
 * A gap has its own shape at every width: a notched mark, a hatched field, a field with words.
 * `notched`: where the last notch stands; returns where it stands now. Crowded ones are left out.
 */
export function drawGap(
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
  if (isCalm(gap)) {
    drawCalm(context, scene, palette, gap, { from, to, top });
    return notched;
  }
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

interface Reach {
  readonly from: number;
  readonly to: number;
  readonly top: number;
}

/** Calm, as nothing is wrong: a low field with a dotted line along it, its words in grey. */
function drawCalm(
  context: CanvasRenderingContext2D,
  scene: Scene,
  palette: Palette,
  gap: Gap,
  reach: Reach,
): void {
  const { layout } = scene;
  const left = Math.max(layout.left - 2, reach.from);
  const width = Math.max(1, Math.min(layout.left + layout.width + 2, reach.to) - left);
  const bar = barOf(layout, reach.top, false);
  context.fillStyle = palette.deleted;
  context.fillRect(left, bar.top, width, bar.height);
  const middle = reach.top + layout.lane / 2;
  context.strokeStyle = palette.deletedEdge;
  context.setLineDash([1.5, 4.5]);
  // Anchored to the page like the hatching, so that the dots stand still.
  context.lineDashOffset = left % 6;
  context.beginPath();
  context.moveTo(left, Math.round(middle) + 0.5);
  context.lineTo(left + width, Math.round(middle) + 0.5);
  context.stroke();
  context.setLineDash([]);
  context.lineDashOffset = 0;
  context.fillStyle = palette.deletedEdge;
  if (width >= 5) context.fillRect(left + width - 1, bar.top, 1, bar.height);
  drawCause(context, scene, palette, gap, { left, width, middle });
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
  context.fillStyle = isCalm(gap) ? palette.deleted : palette.gap;
  context.fillRect(x - width / 2, field.middle - 9, width, 18);
  context.fillStyle = isCalm(gap) ? palette.deletedText : palette.gapText;
  context.fillText(words, x, field.middle + 0.5);
}
