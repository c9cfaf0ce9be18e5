// The little of fragmented MP4 (ISO/IEC 14496-12) that the players must understand: which tracks a
// file has, when its pictures are shown, and how to hide a track that browsers cannot play.
// Reads bytes and answers; feeding a browser with them does not belong here.

export interface TrackInfo {
  readonly id: number;
  readonly timescale: number;
  /** `vide`, `soun` or another handler type. */
  readonly handler: string;
  /** The four characters of the first sample entry: `avc1`, `hvc1`, `mp4a`, `alaw`, … */
  readonly codec: string;
  /** What `trex` gives to samples of fragments that do not say. */
  readonly defaults: SampleDefaults;
}

interface SampleDefaults {
  readonly duration: number;
  readonly flags: number;
}

interface Box {
  readonly type: string;
  readonly start: number;
  /** Where the content begins: after size and type, and for full boxes still before the version. */
  readonly body: number;
  readonly end: number;
}

const HEADER = 8;
const LARGE_HEADER = 16;
const FREE = [0x66, 0x72, 0x65, 0x65] as const; // "free"
// ISO/IEC 14496-12 §8.8.3.1: sample_is_non_sync_sample.
const NON_SYNC = 0x1_0000;

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function fourCc(view: DataView, at: number): string {
  return String.fromCharCode(
    view.getUint8(at),
    view.getUint8(at + 1),
    view.getUint8(at + 2),
    view.getUint8(at + 3),
  );
}

/** The boxes between two offsets; stops quietly at the first that does not fit. */
function* boxesIn(view: DataView, start: number, end: number): Generator<Box> {
  let at = start;
  while (at + HEADER <= end) {
    let size = view.getUint32(at);
    let header = HEADER;
    if (size === 1 && at + LARGE_HEADER <= end) {
      size = Number(view.getBigUint64(at + HEADER));
      header = LARGE_HEADER;
    } else if (size === 0) {
      size = end - at;
    }
    if (size < header || at + size > end) return;
    yield { type: fourCc(view, at + 4), start: at, body: at + header, end: at + size };
    at += size;
  }
}

function child(view: DataView, parent: Box, ...path: string[]): Box | null {
  let box: Box | null = parent;
  for (const type of path) {
    const outer: Box = box;
    box = null;
    for (const inner of boxesIn(view, outer.body, outer.end)) {
      if (inner.type === type) {
        box = inner;
        break;
      }
    }
    if (box === null) return null;
  }
  return box;
}

function whole(view: DataView): Box {
  return { type: '', start: 0, body: 0, end: view.byteLength };
}

function trackId(view: DataView, trak: Box): number {
  const tkhd = child(view, trak, 'tkhd');
  if (tkhd === null) return 0;
  return view.getUint32(tkhd.body + (view.getUint8(tkhd.body) === 1 ? 20 : 12));
}

function readTrack(view: DataView, trak: Box, defaults: Map<number, SampleDefaults>): TrackInfo | null {
  const mdhd = child(view, trak, 'mdia', 'mdhd');
  const hdlr = child(view, trak, 'mdia', 'hdlr');
  const stsd = child(view, trak, 'mdia', 'minf', 'stbl', 'stsd');
  if (mdhd === null || hdlr === null || stsd === null) return null;
  const id = trackId(view, trak);
  return {
    id,
    timescale: view.getUint32(mdhd.body + (view.getUint8(mdhd.body) === 1 ? 20 : 12)),
    handler: fourCc(view, hdlr.body + 8),
    codec: stsd.end - stsd.body >= 16 ? fourCc(view, stsd.body + 12) : '',
    defaults: defaults.get(id) ?? { duration: 0, flags: 0 },
  };
}

/** The tracks of an init segment (`ftyp` + `moov`), in file order. */
export function readTracks(init: Uint8Array): TrackInfo[] {
  const view = viewOf(init);
  const moov = child(view, whole(view), 'moov');
  if (moov === null) return [];
  const defaults = new Map<number, SampleDefaults>();
  const mvex = child(view, moov, 'mvex');
  for (const trex of mvex === null ? [] : boxesIn(view, mvex.body, mvex.end)) {
    if (trex.type !== 'trex') continue;
    defaults.set(view.getUint32(trex.body + 4), {
      duration: view.getUint32(trex.body + 12),
      flags: view.getUint32(trex.body + 20),
    });
  }
  const tracks: TrackInfo[] = [];
  for (const trak of boxesIn(view, moov.body, moov.end)) {
    const track = trak.type === 'trak' ? readTrack(view, trak, defaults) : null;
    if (track !== null) tracks.push(track);
  }
  return tracks;
}

function rename(data: Uint8Array, box: Box): void {
  data.set(FREE, box.start + 4);
}

/**
 * Hides tracks in an init segment, in place: their `trak` and `trex` become `free`. Sizes and
 * offsets stay, so nothing else has to change. For G.711, which no browser plays from MP4.
 */
export function hideTracks(init: Uint8Array, ids: ReadonlySet<number>): void {
  const view = viewOf(init);
  const moov = child(view, whole(view), 'moov');
  if (moov === null || ids.size === 0) return;
  for (const box of boxesIn(view, moov.body, moov.end)) {
    if (box.type === 'trak' && ids.has(trackId(view, box))) rename(init, box);
    if (box.type !== 'mvex') continue;
    for (const trex of boxesIn(view, box.body, box.end)) {
      if (trex.type === 'trex' && ids.has(view.getUint32(trex.body + 4))) rename(init, trex);
    }
  }
}

/** Hides the same tracks in media bytes, in place: their `traf` become `free`. */
export function hideFragments(media: Uint8Array, ids: ReadonlySet<number>): void {
  if (ids.size === 0) return;
  const view = viewOf(media);
  for (const moof of boxesIn(view, 0, view.byteLength)) {
    if (moof.type !== 'moof') continue;
    for (const traf of boxesIn(view, moof.body, moof.end)) {
      if (traf.type !== 'traf') continue;
      const tfhd = child(view, traf, 'tfhd');
      if (tfhd !== null && ids.has(view.getUint32(tfhd.body + 4))) rename(media, traf);
    }
  }
}

interface FragmentHead {
  readonly duration: number;
  readonly flags: number;
}

function readHead(view: DataView, tfhd: Box, track: TrackInfo): FragmentHead {
  const flags = view.getUint32(tfhd.body) & 0xff_ffff;
  let at = tfhd.body + 8;
  if (flags & 0x1) at += 8; // base-data-offset
  if (flags & 0x2) at += 4; // sample-description-index
  let { duration, flags: sampleFlags } = track.defaults;
  if (flags & 0x8) {
    duration = view.getUint32(at);
    at += 4;
  }
  if (flags & 0x10) at += 4; // default-sample-size
  if (flags & 0x20) sampleFlags = view.getUint32(at);
  return { duration, flags: sampleFlags };
}

function readDecodeTime(view: DataView, traf: Box): number {
  const tfdt = child(view, traf, 'tfdt');
  if (tfdt === null) return 0;
  const long = view.getUint8(tfdt.body) === 1;
  return long ? Number(view.getBigUint64(tfdt.body + 4)) : view.getUint32(tfdt.body + 4);
}

/** Reads one `trun`; calls `visit` for each sample and returns the decode time after the last. */
function readRun(
  view: DataView,
  trun: Box,
  head: FragmentHead,
  from: number,
  visit: (shown: number, key: boolean) => void,
): number {
  const version = view.getUint8(trun.body);
  const flags = view.getUint32(trun.body) & 0xff_ffff;
  const count = view.getUint32(trun.body + 4);
  let at = trun.body + 8;
  if (flags & 0x1) at += 4; // data-offset
  let firstFlags = head.flags;
  if (flags & 0x4) {
    firstFlags = view.getUint32(at);
    at += 4;
  }
  let time = from;
  const step = 4 * [0x100, 0x200, 0x400, 0x800].filter((bit) => flags & bit).length;
  for (let i = 0; i < count && at + step <= trun.end; i += 1) {
    let duration = head.duration;
    let sampleFlags = i === 0 ? firstFlags : head.flags;
    let composition = 0;
    if (flags & 0x100) {
      duration = view.getUint32(at);
      at += 4;
    }
    if (flags & 0x200) at += 4; // size
    if (flags & 0x400) {
      sampleFlags = view.getUint32(at);
      at += 4;
    }
    if (flags & 0x800) {
      composition = version === 0 ? view.getUint32(at) : view.getInt32(at);
      at += 4;
    }
    visit(time + composition, (sampleFlags & NON_SYNC) === 0);
    time += duration;
  }
  return time;
}

export interface Samples {
  /** Decode time of the first sample, in seconds of the track's own clock; NaN without samples. */
  readonly start: number;
  /** Presentation times in seconds, in file order. */
  readonly shown: number[];
  /** Whether the first sample can be decoded alone. */
  readonly key: boolean;
}

/** When the pictures (or sounds) of one track in these media bytes are shown. */
export function readSamples(media: Uint8Array, track: TrackInfo): Samples {
  const view = viewOf(media);
  const shown: number[] = [];
  let start = NaN;
  let key = false;
  const visit = (ticks: number, isKey: boolean): void => {
    if (shown.length === 0) key = isKey;
    shown.push(ticks / track.timescale);
  };
  for (const moof of boxesIn(view, 0, view.byteLength)) {
    if (moof.type !== 'moof') continue;
    for (const traf of boxesIn(view, moof.body, moof.end)) {
      const tfhd = traf.type === 'traf' ? child(view, traf, 'tfhd') : null;
      if (tfhd === null || view.getUint32(tfhd.body + 4) !== track.id) continue;
      const head = readHead(view, tfhd, track);
      let time = readDecodeTime(view, traf);
      if (Number.isNaN(start)) start = time / track.timescale;
      for (const trun of boxesIn(view, traf.body, traf.end)) {
        if (trun.type === 'trun') time = readRun(view, trun, head, time, visit);
      }
    }
  }
  return { start, shown, key };
}

/**
 * Makes the last picture of a live fragment last at least `seconds`, in place; fragments without
 * durations of their own stay as they are.
 *
 * A sender cannot know how long its newest picture will last. Browsers drop everything up to the
 * next keyframe when one comes later than twice the time announced (Media Source Extensions, coded
 * frame processing), so a camera that skips two pictures would freeze for a whole group.
 */
export function stretchLast(media: Uint8Array, track: TrackInfo, seconds: number): void {
  const view = viewOf(media);
  const moof = child(view, whole(view), 'moof');
  for (const traf of moof === null ? [] : boxesIn(view, moof.body, moof.end)) {
    const tfhd = traf.type === 'traf' ? child(view, traf, 'tfhd') : null;
    const trun = child(view, traf, 'trun');
    if (tfhd === null || trun === null || view.getUint32(tfhd.body + 4) !== track.id) continue;
    const flags = view.getUint32(trun.body) & 0xff_ffff;
    const count = view.getUint32(trun.body + 4);
    if ((flags & 0x100) === 0 || count === 0) continue;
    const step = 4 * [0x100, 0x200, 0x400, 0x800].filter((bit) => flags & bit).length;
    const at = trun.body + 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0) + (count - 1) * step;
    if (at + 4 > trun.end) continue;
    view.setUint32(at, Math.max(view.getUint32(at), Math.round(seconds * track.timescale)));
  }
}

const UNPLAYABLE = new Set(['alaw', 'ulaw']);

/** The tracks that no browser plays from MP4 and that must be hidden from it. */
export function unplayableTracks(tracks: readonly TrackInfo[]): Set<number> {
  return new Set(tracks.filter((track) => UNPLAYABLE.has(track.codec)).map((track) => track.id));
}

/** The MIME type without the codecs that are hidden. */
export function playableMime(videoCodec: string, audioCodec: string | null): string {
  const isPlayable = audioCodec?.startsWith('mp4a') === true;
  return `video/mp4; codecs="${isPlayable ? `${videoCodec},${audioCodec}` : videoCodec}"`;
}
