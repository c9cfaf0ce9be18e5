// What the server says of the registry, of cameras found and of trials, as the HTTP contract has them
// (docs/api.md). Types only.

import type { MotionSettings } from './motion';

export interface Location {
  readonly lat: number;
  readonly lon: number;
  readonly heading?: number | null;
  readonly fov?: number | null;
}

export interface Inventory {
  readonly make: string;
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
  readonly mac: string;
  readonly installed: string | null;
  readonly warranty_until: string | null;
  readonly notes: string;
}

/** A camera's settings; `pre_roll` and `post_roll` in nanoseconds. */
export interface Registered {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly source: string;
  readonly sub: string | null;
  readonly onvif: string | null;
  readonly onvif_certificate: string;
  /** The video source it is, where the device has several. */
  readonly onvif_source: string | null;
  readonly username: string | null;
  readonly transport: Transport;
  readonly record: string;
  readonly privacy: string | null;
  readonly pre_roll: number;
  readonly post_roll: number;
  readonly location: Location | null;
  readonly motion: MotionSettings | null;
  readonly inventory: Inventory | null;
  readonly has_password: boolean;
  /** `file`: declared in cameras.toml, and read-only here. */
  readonly origin: 'file' | 'database';
}

export type Transport = 'auto' | 'tcp' | 'udp' | 'libav';

/** What is sent of a camera: a whole one, or a merge patch of one. */
export type Entry = Readonly<Record<string, unknown>>;

export interface Difference {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

export type ChangeKind = 'added' | 'changed' | 'removed' | 'taken over' | 'replaced';

export interface PastChange {
  readonly at: string;
  readonly by: string;
  readonly kind: ChangeKind;
  readonly fields: readonly Difference[];
}

export interface TakenChange {
  readonly camera: string;
  readonly kind: ChangeKind;
  readonly fields: readonly Difference[];
}

export interface Sentence {
  readonly en: string;
  readonly tr: string;
}

export interface Told extends Sentence {
  readonly code: string;
}

export interface TriedPictures {
  readonly count: number;
  readonly keyframes: number;
  readonly fps: number;
  readonly fps_of_camera: number;
  readonly fps_declared: number;
  readonly first_keyframe_ms: number | null;
  readonly keyframe_distance: number | null;
  readonly keyframe_distance_ms: number | null;
  readonly bitrate: number;
}

export interface TriedStream {
  readonly stream: 'main' | 'sub';
  readonly url: string;
  readonly problem: Told | null;
  readonly detail: string | null;
  readonly source: 'native' | 'libav' | null;
  readonly reason: string | null;
  readonly codec: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly sound: string | null;
  readonly pictures: TriedPictures | null;
  readonly counters: Readonly<Record<string, number>>;
  readonly clock_offset_ms: number | null;
  readonly warnings: readonly Told[];
  /** A JPEG in Base64. */
  readonly picture: string | null;
}

export interface TriedOnvif {
  readonly make: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  readonly problem: Told | null;
  readonly detail: string | null;
}

export interface Tried {
  readonly camera: string | null;
  readonly well: boolean;
  readonly streams: readonly TriedStream[];
  readonly onvif: TriedOnvif | null;
}

export interface FoundStream {
  readonly stream: 'main' | 'sub';
  readonly codec: string;
  readonly width: number;
  readonly height: number;
}

export interface FoundCamera {
  readonly number: number;
  readonly address: string;
  readonly port: number;
  readonly name: string;
  readonly hardware: string;
  readonly make: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  readonly clock_offset_ms: number | null;
  /** Which of the device's video sources, from 1 on, and how many it has. */
  readonly channel: number | null;
  readonly channels: number | null;
  readonly streams: readonly FoundStream[];
  readonly username: string | null;
  /** The id it is registered under, or null. */
  readonly camera: string | null;
  readonly suggestion: { readonly id: string; readonly name: string } | null;
  readonly trouble: string | null;
  readonly problem: Sentence | null;
  readonly detail: string | null;
  readonly picture: boolean;
}

export interface Search {
  readonly id: string;
  readonly state: 'running' | 'done' | 'stopped' | 'failed';
  readonly by: string;
  readonly ranges: readonly string[];
  readonly multicast: boolean;
  /** How many answered; null while it listens. */
  readonly answers: number | null;
  readonly described: number;
  readonly error: string | null;
  readonly found: readonly FoundCamera[];
}

export interface SearchOrder {
  readonly ranges: readonly string[];
  readonly multicast: boolean;
  readonly credentials: readonly { readonly username: string; readonly password: string }[];
}

export interface Chosen {
  readonly number: number;
  readonly camera: Entry;
}
