import { describe, expect, it } from 'vitest';
import { decimalOf, draftOf, entryOf, isId, mistakesOf, newEntry, patchOf, slug } from './cameraform';
import type { Registered } from './registry';

const GATE: Registered = {
  id: 'gate',
  name: 'Kapı',
  groups: ['meydan', 'girişler'],
  source: 'rtsp://10.0.0.5/main',
  sub: 'rtsp://10.0.0.5/sub',
  onvif: null,
  onvif_certificate: 'any',
  onvif_source: null,
  username: 'vms',
  transport: 'auto',
  record: 'schedule:mesai',
  privacy: null,
  pre_roll: 10e9,
  post_roll: 20e9,
  location: { lat: 39.9, lon: 32.8, heading: 120, fov: null },
  motion: null,
  inventory: null,
  has_password: true,
  origin: 'database',
};

describe('slug', () => {
  it.each([
    ['İtfaiye Önü 2', 'itfaiye-onu-2'],
    ['ÇIĞŞÖÜ çığşöü', 'cigsou-cigsou'],
    ['HIKVISION DS-2CD2132-I', 'hikvision-ds-2cd2132-i'],
    ['Straße', 'strasse'],
    ['—', ''],
    ['x'.repeat(80), 'x'.repeat(63)],
  ])('makes of %s what the server makes', (name, id) => {
    expect(slug(name)).toBe(id);
    expect(id === '' || isId(id)).toBe(true);
  });
});

describe('a draft', () => {
  it('that nobody touched changes nothing', () => {
    expect(patchOf(draftOf(GATE), GATE)).toEqual({});
    expect(mistakesOf(draftOf(GATE), new Set())).toEqual({});
  });

  it('becomes a patch of what was changed, null for what was taken away', () => {
    const draft = { ...draftOf(GATE), name: ' Kuzey Kapı ', sub: '', groups: 'meydan', password: 'x y' };
    expect(patchOf(draft, GATE)).toEqual({ name: 'Kuzey Kapı', sub: null, groups: ['meydan'], password: 'x y' });
    const moved = { ...draftOf(GATE), place: { lat: '', lon: '', heading: '', fov: '' } };
    expect(patchOf(moved, GATE)).toEqual({ location: null });
  });

  it('takes away a label that is emptied, and keeps the others', () => {
    const labelled = { ...GATE, inventory: { ...draftOf(null).inventory, make: 'Axis', serial: 'A1', installed: null, warranty_until: null } };
    const draft = draftOf(labelled);
    const patch = patchOf({ ...draft, inventory: { ...draft.inventory, serial: '' } }, labelled);
    expect(patch).toEqual({ inventory: expect.objectContaining({ make: 'Axis', serial: null }) as unknown });
  });

  it('of a new camera says only what is written', () => {
    const bare = { ...draftOf(null), id: 'gate', source: 'rtsp://10.0.0.5/' };
    const labelled = { ...bare, inventory: { ...bare.inventory, make: 'Axis' } };
    expect(newEntry(labelled)).toMatchObject({ inventory: { make: 'Axis' } });
    expect(newEntry(labelled)['inventory']).not.toHaveProperty('serial');
    expect(newEntry(bare)).toEqual({
      id: 'gate',
      name: '',
      groups: [],
      source: 'rtsp://10.0.0.5/',
      transport: 'auto',
      record: 'continuous',
    });
  });

  it('tells pre-roll and post-roll only where events are recorded', () => {
    const draft = { ...draftOf(GATE), mode: 'events' as const, preRoll: '2,5' };
    expect(entryOf(draft)).toMatchObject({ record: 'events', pre_roll: 2.5e9, post_roll: 20e9 });
    expect(entryOf(draftOf(GATE))).not.toHaveProperty('pre_roll');
  });

  it('says what is wrong, field by field', () => {
    const draft = {
      ...draftOf(null),
      id: 'Kapı',
      sub: 'camera',
      mode: 'schedule' as const,
      place: { lat: '39,9', lon: '', heading: 'north', fov: '' },
    };
    expect(mistakesOf(draft, new Set())).toEqual({
      id: 'idBad',
      source: 'sourceMissing',
      sub: 'sourceBad',
      record: 'scheduleMissing',
      'location.heading': 'number',
      'location.lon': 'placeBoth',
    });
    expect(mistakesOf({ ...draftOf(null), id: 'gate' }, new Set(['gate']))).toMatchObject({ id: 'idTaken' });
  });
});

describe('decimalOf', () => {
  it('reads Turkish and English numbers', () => {
    expect([decimalOf('39,925'), decimalOf(' -1.5 '), decimalOf(''), decimalOf('a')]).toEqual([39.925, -1.5, null, NaN]);
  });
});
