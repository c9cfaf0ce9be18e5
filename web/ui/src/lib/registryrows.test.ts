import { describe, expect, it } from 'vitest';
import type { FoundCamera, Registered } from './registry';
import { codecName, foundTitle, groupNames, hostOf, shownCameras, standingOf } from './registryrows';

function camera(id: string, name: string, groups: string[], more: Partial<Registered> = {}): Registered {
  return { id, name, groups, source: 'rtsp://10.0.0.5/main', inventory: null, onvif: null, ...more } as Registered;
}

const ALL = [
  camera('z', 'Şehit Park', ['meydan']),
  camera('a', 'İtfaiye Önü', []),
  camera('b', 'Çarşı 10', ['meydan', 'çarşı']),
  camera('c', 'Çarşı 2', ['çarşı'], {
    source: 'rtsp://10.9.9.9/x',
    inventory: { make: 'Axis', model: '', serial: '', firmware: '', mac: 'ac:cc:8e:c1:23:45', installed: null, warranty_until: null, notes: '' },
  }),
];

describe('shownCameras', () => {
  it('orders as Turkish does, numbers by their value', () => {
    expect(shownCameras(ALL, '', null).map((one) => one.id)).toEqual(['c', 'b', 'a', 'z']);
  });

  it('searches name, address and device, however typed, within a group', () => {
    expect(shownCameras(ALL, 'carsi', null).map((one) => one.id)).toEqual(['c', 'b']);
    expect(shownCameras(ALL, '10.9', null).map((one) => one.id)).toEqual(['c']);
    expect(shownCameras(ALL, 'AC:CC:8E', null).map((one) => one.id)).toEqual(['c']);
    expect(shownCameras(ALL, 'accc8ec1', null).map((one) => one.id)).toEqual(['c']);
    expect(shownCameras(ALL, 'carsi', 'meydan').map((one) => one.id)).toEqual(['b']);
    expect(shownCameras(ALL, '', '').map((one) => one.id)).toEqual(['a']);
  });
});

it('names groups once', () => {
  expect(groupNames(ALL)).toEqual(['çarşı', 'meydan']);
});

it.each([
  ['rtsp://vms@10.0.0.5:554/main?x', '10.0.0.5:554'],
  ['http://[fe80::1]:80/a', '[fe80::1]:80'],
  ['file:/srv/a.mp4', 'file:/srv/a.mp4'],
])('the host of %s is %s', (url, host) => {
  expect(hostOf(url)).toBe(host);
});

it('a found camera is new, known, or in trouble', () => {
  const base = { camera: null, suggestion: null, make: '', model: null, name: '', hardware: 'X', address: '10.0.0.5' };
  const found = base as unknown as FoundCamera;
  expect(standingOf(found)).toBe('trouble');
  expect(standingOf({ ...found, camera: 'gate' })).toBe('known');
  expect(standingOf({ ...found, suggestion: { id: 'a', name: 'A' } })).toBe('new');
  expect(foundTitle(found)).toBe('X');
});

it('writes codecs as people do', () => {
  expect([codecName('h265'), codecName('jpeg')]).toEqual(['H.265', 'JPEG']);
});
