// The registry as a list: what a search and a group leave of it, in which order. Pure.

import { fold } from './i18n/words';
import type { FoundCamera, Registered } from './registry';

const order = new Intl.Collator('tr', { numeric: true, sensitivity: 'base' });

/** `group` null: all; empty: those without one. */
export function shownCameras(
  cameras: readonly Registered[],
  query: string,
  group: string | null,
): Registered[] {
  const words = fold(query).split(/\s+/).filter((word) => word !== '');
  return cameras
    .filter((camera) => group === null || (group === '' ? camera.groups.length === 0 : camera.groups.includes(group)))
    .filter((camera) => {
      const text = fold(searched(camera));
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => order.compare(titleOf(a), titleOf(b)));
}

function searched(camera: Registered): string {
  const label = camera.inventory;
  const device = label === null ? [] : [label.make, label.model, label.serial, label.firmware, label.mac, label.mac.replaceAll(':', '')];
  return [camera.name, camera.id, ...camera.groups, camera.source, camera.onvif ?? '', ...device].join(' ');
}

export function titleOf(camera: { readonly id: string; readonly name: string }): string {
  return camera.name === '' ? camera.id : camera.name;
}

export function groupNames(cameras: readonly Registered[]): string[] {
  return [...new Set(cameras.flatMap((camera) => camera.groups))].sort((a, b) => order.compare(a, b));
}

/** Host and port of an address, without user and path. */
export function hostOf(url: string): string {
  return /^[a-z]+:\/\/(?:[^/@]*@)?([^/?#]+)/i.exec(url)?.[1] ?? url;
}

export function deviceOf(camera: Registered): string {
  return [camera.inventory?.make, camera.inventory?.model].filter(Boolean).join(' ');
}

/** `h265` is H.265. */
export function codecName(codec: string): string {
  return codec.toUpperCase().replace(/^H(?=26\d$)/, 'H.');
}

/** `new`: it can be added; `known`: it is registered; `trouble`: it could not be asked. */
export type Standing = 'new' | 'known' | 'trouble';

export function standingOf(found: FoundCamera): Standing {
  if (found.camera !== null) return 'known';
  return found.suggestion === null ? 'trouble' : 'new';
}

/** A name for a found camera: its own, else what it is, else where. */
export function foundTitle(found: FoundCamera): string {
  const device = [found.make, found.model].filter(Boolean).join(' ');
  return device || found.name || found.hardware || found.address;
}
