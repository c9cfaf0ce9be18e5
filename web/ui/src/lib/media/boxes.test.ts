import { describe, expect, test } from 'vitest';
import {
  hideFragments,
  hideTracks,
  playableMime,
  readSamples,
  readTracks,
  stretchLast,
  unplayableTracks,
  type TrackInfo,
} from './boxes';

type Bytes = readonly number[];

const u32 = (value: number): Bytes => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
const chars = (text: string): Bytes => Array.from(text, (char) => char.charCodeAt(0));
const zeros = (count: number): Bytes => Array.from({ length: count }, () => 0);

function box(type: string, ...content: Bytes[]): Bytes {
  const body = content.flat();
  return [...u32(body.length + 8), ...chars(type), ...body];
}

const full = (type: string, flags: number, ...content: Bytes[]): Bytes => box(type, u32(flags), ...content);

function trak(id: number, timescale: number, handler: string, codec: string): Bytes {
  return box(
    'trak',
    full('tkhd', 3, zeros(8), u32(id), zeros(68)),
    box(
      'mdia',
      full('mdhd', 0, zeros(8), u32(timescale), zeros(8)),
      full('hdlr', 0, u32(0), chars(handler), zeros(13)),
      box('minf', box('stbl', full('stsd', 0, u32(1), box(codec, zeros(20))))),
    ),
  );
}

const trex = (id: number): Bytes => full('trex', 0, u32(id), u32(1), u32(3600), u32(0), u32(0x10000));

const INIT = [
  ...box('ftyp', chars('iso6'), u32(0)),
  ...box('moov', trak(1, 90_000, 'vide', 'avc1'), trak(2, 8000, 'soun', 'alaw'), box('mvex', trex(1), trex(2))),
];

function traf(id: number, time: number, ...run: Bytes[]): Bytes {
  return box('traf', full('tfhd', 0x20000, u32(id)), full('tfdt', 0x1000000, u32(0), u32(time)), ...run);
}

const bytes = (content: Bytes): Uint8Array<ArrayBuffer> => new Uint8Array(content);

// Two samples: flags for the first alone, signed composition offsets, durations from trex.
const RUN = full('trun', 0x1000805, u32(2), u32(100), u32(0x2000000), u32(3600), u32(0xfffff1f0));
const FRAGMENT = [...box('moof', full('mfhd', 0, u32(1)), traf(1, 90_000, RUN), traf(2, 8000)), ...box('mdat', zeros(9))];

function video(): TrackInfo {
  const [track] = readTracks(bytes(INIT));
  if (track === undefined) throw new Error('no track');
  return track;
}

describe('tracks', () => {
  test('are read with what trex gives them', () => {
    expect(readTracks(bytes(INIT))).toEqual([
      { id: 1, timescale: 90_000, handler: 'vide', codec: 'avc1', defaults: { duration: 3600, flags: 0x10000 } },
      { id: 2, timescale: 8000, handler: 'soun', codec: 'alaw', defaults: { duration: 3600, flags: 0x10000 } },
    ]);
  });

  test('that no browser plays are hidden without moving a byte', () => {
    const init = bytes(INIT);
    const hidden = unplayableTracks(readTracks(init));
    expect(hidden).toEqual(new Set([2]));
    hideTracks(init, hidden);
    expect(readTracks(init).map((track) => track.id)).toEqual([1]);
    expect(init.length).toBe(INIT.length);
    const media = bytes(FRAGMENT);
    hideFragments(media, hidden);
    const changed = [...media].filter((byte, i) => byte !== FRAGMENT[i]).length;
    expect(changed).toBe(3); // traf and free share a letter
  });

  test('leave the MIME type when hidden', () => {
    expect(playableMime('avc1.64001F', 'alaw')).toBe('video/mp4; codecs="avc1.64001F"');
    expect(playableMime('hvc1.1.6.L93.B0', 'mp4a.40.2')).toBe('video/mp4; codecs="hvc1.1.6.L93.B0,mp4a.40.2"');
  });
});

describe('samples', () => {
  test('tell when pictures are shown', () => {
    expect(readSamples(bytes(FRAGMENT), video())).toEqual({ start: 1, shown: [1.04, 1], key: true });
  });

  test('can be made to last until the next comes', () => {
    const run = full('trun', 0x301, u32(2), u32(100), u32(3600), u32(9), u32(3600), u32(9));
    const media = bytes(box('moof', traf(2, 0), traf(1, 0, run)));
    stretchLast(media, video(), 0.5);
    const expected = full('trun', 0x301, u32(2), u32(100), u32(3600), u32(9), u32(45_000), u32(9));
    expect([...media].slice(-expected.length)).toEqual(expected);
    const without = bytes(FRAGMENT);
    stretchLast(without, video(), 0.5);
    expect([...without]).toEqual(FRAGMENT);
  });

  test('of damaged bytes are none, whatever is cut off', () => {
    for (let length = 0; length < FRAGMENT.length; length += 1) {
      const { shown } = readSamples(bytes(FRAGMENT.slice(0, length)), video());
      expect(shown.length).toBeLessThanOrEqual(2);
    }
    expect(readTracks(bytes(zeros(64)))).toEqual([]);
  });
});
