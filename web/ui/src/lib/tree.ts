// The list of cameras beside the wall: groups, their order, and what a search leaves. Pure.

import type { Camera } from './api';
import { fold } from './i18n/words';

export interface Group {
  /** As the settings write it; empty for cameras without a group. */
  readonly name: string;
  readonly cameras: readonly Camera[];
}

const order = new Intl.Collator('tr', { numeric: true, sensitivity: 'base' });

/** Whether every word of the search stands in the camera's name, id or groups. */
export function matches(camera: Camera, query: string): boolean {
  const text = fold([camera.name, camera.id, ...camera.groups].join(' '));
  return fold(query)
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Groups by name, cameras by name in each; a camera of two groups stands in both. */
export function groupsOf(cameras: readonly Camera[], query = ''): Group[] {
  const found = new Map<string, Camera[]>();
  for (const camera of cameras) {
    if (!matches(camera, query)) continue;
    for (const name of camera.groups.length > 0 ? camera.groups : ['']) {
      const group = found.get(name);
      if (group) group.push(camera);
      else found.set(name, [camera]);
    }
  }
  return [...found]
    .map(([name, members]) => ({
      name,
      cameras: members.sort((a, b) => order.compare(a.name, b.name)),
    }))
    .sort((a, b) => Number(a.name === '') - Number(b.name === '') || order.compare(a.name, b.name));
}

/** Every camera once, in the order in which the list shows them. */
export function inListOrder(cameras: readonly Camera[]): Camera[] {
  return [...new Set(groupsOf(cameras).flatMap((group) => group.cameras))];
}

/** A group's slug as people read it: `kurum-binalari` becomes `Kurum binalari`. */
export function groupTitle(name: string): string {
  const words = name.replaceAll(/[-_]+/g, ' ').trim();
  return words.charAt(0).toLocaleUpperCase('tr') + words.slice(1);
}
