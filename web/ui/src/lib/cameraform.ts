// A camera as its form has it: text in fields to what is sent, and what is wrong with it. Pure.

import { fold } from './i18n/words';
import type { Entry, Registered, Transport } from './registry';

export const ID_MAX = 63;
export const SECOND_NS = 1e9;
export const MODES = ['continuous', 'events', 'schedule', 'off'] as const;
export const TRANSPORTS: readonly Transport[] = ['auto', 'tcp', 'udp', 'libav'];
export const LABELS = ['make', 'model', 'serial', 'firmware', 'mac'] as const;
export const DAYS = ['installed', 'warranty_until'] as const;
export const PLACES = ['lat', 'lon', 'heading', 'fov'] as const;

export type Mode = (typeof MODES)[number];
export type Place = (typeof PLACES)[number];
type Labels = (typeof LABELS)[number] | (typeof DAYS)[number] | 'notes';

/** What stands in the fields. `password` empty: the stored one stays. */
export interface CameraDraft {
  readonly id: string;
  readonly name: string;
  readonly groups: string;
  readonly source: string;
  readonly sub: string;
  readonly onvif: string;
  /** Empty: any. */
  readonly onvifCertificate: string;
  readonly onvifSource: string;
  readonly username: string;
  readonly password: string;
  readonly transport: Transport;
  readonly mode: Mode;
  readonly schedule: string;
  readonly preRoll: string;
  readonly postRoll: string;
  readonly privacy: string;
  readonly place: Readonly<Record<Place, string>>;
  readonly inventory: Readonly<Record<Labels, string>>;
}

const SCHEDULED = 'schedule:';

export function modeOf(record: string): Mode {
  return MODES.find((mode) => mode === record) ?? (record.startsWith(SCHEDULED) ? 'schedule' : 'continuous');
}

function plain(value: number | null | undefined): string {
  return value === null || value === undefined ? '' : String(value);
}

/** The draft of a camera, or of a new one. */
export function draftOf(camera: Registered | null): CameraDraft {
  const mode = modeOf(camera?.record ?? 'continuous');
  const label = camera?.inventory;
  return {
    id: camera?.id ?? '',
    name: camera?.name ?? '',
    groups: (camera?.groups ?? []).join(', '),
    source: camera?.source ?? '',
    sub: camera?.sub ?? '',
    onvif: camera?.onvif ?? '',
    onvifCertificate: camera === null || camera.onvif_certificate === 'any' ? '' : camera.onvif_certificate,
    onvifSource: camera?.onvif_source ?? '',
    username: camera?.username ?? '',
    password: '',
    transport: camera?.transport ?? 'auto',
    mode,
    schedule: mode === 'schedule' ? (camera?.record ?? '').slice(SCHEDULED.length) : '',
    preRoll: plain((camera?.pre_roll ?? 10 * SECOND_NS) / SECOND_NS),
    postRoll: plain((camera?.post_roll ?? 20 * SECOND_NS) / SECOND_NS),
    privacy: camera?.privacy ?? '',
    place: {
      lat: plain(camera?.location?.lat),
      lon: plain(camera?.location?.lon),
      heading: plain(camera?.location?.heading),
      fov: plain(camera?.location?.fov),
    },
    inventory: {
      make: label?.make ?? '',
      model: label?.model ?? '',
      serial: label?.serial ?? '',
      firmware: label?.firmware ?? '',
      mac: label?.mac ?? '',
      installed: label?.installed ?? '',
      warranty_until: label?.warranty_until ?? '',
      notes: label?.notes ?? '',
    },
  };
}

/** `39,925` and `39.925`; null: nothing written; NaN: no number. */
export function decimalOf(text: string): number | null {
  const written = text.trim();
  if (written === '') return null;
  return /^[+-]?\d+(?:[.,]\d+)?$/.test(written) ? Number(written.replace(',', '.')) : NaN;
}

export function groupsOf(text: string): string[] {
  return [...new Set(text.split(',').map((one) => one.trim()).filter((one) => one !== ''))];
}

/** `İtfaiye Önü 2` is `itfaiye-onu-2`, as the server makes ids of names. */
export function slug(name: string): string {
  const text = fold(name).replaceAll('ß', 'ss').replaceAll(/[^a-z0-9]+/g, '-');
  return text.slice(0, ID_MAX + 1).replace(/^-+/, '').slice(0, ID_MAX).replace(/-+$/, '');
}

export function isId(text: string): boolean {
  return text.length <= ID_MAX && /^[a-z0-9](?:-?[a-z0-9])*$/.test(text);
}

export type Mistake = 'idBad' | 'idTaken' | 'sourceMissing' | 'sourceBad' | 'scheduleMissing' | 'number' | 'placeBoth';
/** Field → what is wrong with it. */
export type Mistakes = Readonly<Record<string, Mistake>>;

/** What a person can be told before anything is sent. `taken`: ids of other cameras. */
export function mistakesOf(draft: CameraDraft, taken: ReadonlySet<string>): Mistakes {
  const found: Record<string, Mistake> = {};
  if (!isId(draft.id)) found['id'] = 'idBad';
  else if (taken.has(draft.id)) found['id'] = 'idTaken';
  if (draft.source.trim() === '') found['source'] = 'sourceMissing';
  else if (!isAddress(draft.source)) found['source'] = 'sourceBad';
  if (draft.sub.trim() !== '' && !isAddress(draft.sub)) found['sub'] = 'sourceBad';
  if (draft.mode === 'schedule' && draft.schedule.trim() === '') found['record'] = 'scheduleMissing';
  for (const key of ['preRoll', 'postRoll'] as const) {
    const value = decimalOf(draft[key]);
    if (draft.mode === 'events' && (value === null || !(value >= 0))) found[key] = 'number';
  }
  for (const key of PLACES) if (Number.isNaN(decimalOf(draft.place[key]))) found[`location.${key}`] = 'number';
  const [lat, lon] = [decimalOf(draft.place.lat), decimalOf(draft.place.lon)];
  if ((lat === null) !== (lon === null)) found[lat === null ? 'location.lat' : 'location.lon'] = 'placeBoth';
  return found;
}

function isAddress(text: string): boolean {
  return /^[a-z]{2,6}:\/?\/?\S+$/i.test(text.trim()) && text.includes(':/');
}

/** What of a draft says how the camera is dialled: for a test. */
export function dialled(draft: CameraDraft): Entry {
  const entry: Record<string, unknown> = { source: draft.source.trim(), transport: draft.transport };
  for (const key of ['sub', 'onvif', 'username'] as const) entry[key] = orNull(draft[key]);
  if (draft.password !== '') entry['password'] = draft.password;
  return entry;
}

/** A whole camera of a draft without mistakes; null where nothing is written. */
export function entryOf(draft: CameraDraft): Entry {
  const rolls = draft.mode === 'events';
  return {
    ...dialled(draft),
    id: draft.id,
    onvif_certificate: orNull(draft.onvifCertificate),
    onvif_source: orNull(draft.onvifSource),
    name: draft.name.trim(),
    groups: groupsOf(draft.groups),
    record: draft.mode === 'schedule' ? `${SCHEDULED}${draft.schedule.trim()}` : draft.mode,
    ...(rolls ? { pre_roll: spanOf(draft.preRoll), post_roll: spanOf(draft.postRoll) } : {}),
    privacy: orNull(draft.privacy),
    location: locationOf(draft.place),
    inventory: inventoryOf(draft.inventory),
  };
}

/** A new camera: what is not said is left out. */
export function newEntry(draft: CameraDraft): Entry {
  return withoutNull(entryOf(draft));
}

/** What a draft changes of a camera, as a merge patch; empty when nothing. */
export function patchOf(draft: CameraDraft, before: Registered): Entry {
  const old = entryOf(draftOf(before));
  const changed = Object.entries(entryOf(draft)).filter(
    ([key, value]) => key !== 'id' && JSON.stringify(value) !== JSON.stringify(old[key]),
  );
  return Object.fromEntries(changed);
}

function withoutNull(entry: Entry): Entry {
  const said = Object.entries(entry).filter(([, value]) => value !== null);
  return Object.fromEntries(said.map(([key, value]) => [key, isEntry(value) ? withoutNull(value) : value]));
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function orNull(text: string): string | null {
  return text.trim() === '' ? null : text.trim();
}

function spanOf(text: string): number {
  return Math.round((decimalOf(text) ?? 0) * SECOND_NS);
}

function locationOf(place: CameraDraft['place']): Entry | null {
  const numbers = PLACES.map((key) => [key, decimalOf(place[key])] as const);
  return numbers.every(([, value]) => value === null) ? null : Object.fromEntries(numbers);
}

function inventoryOf(label: CameraDraft['inventory']): Entry | null {
  const written = Object.entries(label).map(([key, text]) => [key, orNull(text)] as const);
  return written.every(([, value]) => value === null) ? null : Object.fromEntries(written);
}
