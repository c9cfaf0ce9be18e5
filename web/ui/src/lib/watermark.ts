// The viewer's name and the time, over pictures: who passes a picture on is named by it.

import type { SessionFacts } from './api';
import { formatClock, formatDate, formatOffset } from './time';

export type Marked = Pick<SessionFacts, 'user' | 'system' | 'watermark'>;

/** `Ayşe Yılmaz (ayse) · 26.11.2026 14:32:07 UTC+3`; null for who need not be named. */
export function markOf(facts: Marked | null, now: number): string | null {
  if (facts?.watermark !== true) return null;
  const { name, display_name } = facts.user;
  const who = display_name && display_name !== name ? `${display_name} (${name})` : name;
  const zone = facts.system.timezone;
  return `${who} · ${formatDate(now, zone, 'tr')} ${formatClock(now, zone)} ${formatOffset(now, zone)}`;
}

const ROWS = 4;
const FONT = 'system-ui, sans-serif';

/** The picture with `text` burnt in: in full at the lower edge, faintly over all of it. */
export async function burnt(picture: Blob, text: string): Promise<Blob> {
  const bitmap = await createImageBitmap(picture);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const paint = canvas.getContext('2d');
  if (paint === null) throw new Error('this browser draws no pictures');
  paint.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { width, height } = canvas;
  const size = Math.max(9, Math.min(width / 36, height / 18));
  paint.font = `bold ${size}px ${FONT}`;
  paint.textBaseline = 'top';
  paint.lineWidth = Math.max(2, size / 6);
  paint.lineJoin = 'round';
  paint.strokeStyle = '#000';
  paint.fillStyle = '#fff';
  const write = (x: number, y: number, alpha: number): void => {
    paint.globalAlpha = alpha;
    paint.strokeText(text, x, y);
    paint.fillText(text, x, y);
  };
  const step = paint.measureText(text).width + 3 * size;
  for (let row = 0; row < ROWS; row += 1) {
    const y = ((2 * row + 1) * height) / (2 * ROWS);
    for (let x = row % 2 ? -step / 2 : 0; x < width; x += step) write(x, y, 0.22);
  }
  write(size * 0.6, height - size * 1.8, 0.9);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
}
