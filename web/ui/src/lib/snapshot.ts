// A picture saved from the screen, named by camera and time.

import { formatClock, formatDate, formatOffset } from './time';

/** `gate-north_2026-11-22_12-41-16-480_UTC+3.jpg`: sorts by time, says its zone, safe everywhere. */
export function snapshotName(camera: string, at: number, zone: string): string {
  const clock = formatClock(at, zone, 'ms').replaceAll(/[:.]/g, '-');
  const offset = formatOffset(at, zone).replaceAll(':', '');
  return `${camera}_${formatDate(at, zone, 'en')}_${clock}_${offset}.jpg`;
}

/** Hand a file to the browser's downloads. */
export function download(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own hold on the data once the click was handled.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
