import { describe, expect, it } from 'vitest';
import {
  asToml,
  freshName,
  freshZone,
  movingCells,
  nameMistakes,
  shifted,
  withCornerAt,
  withCornerBehind,
  withoutCorner,
  type Zone,
} from './motion';

const square: Zone = {
  name: 'kapı',
  include: true,
  points: [
    [0.1, 0.1],
    [0.5, 0.1],
    [0.5, 0.5],
    [0.1, 0.5],
  ],
};

describe('zones', () => {
  it('corners stay in the picture', () => {
    expect(withCornerAt(square, 1, [1.4, -0.2]).points[1]).toEqual([1, 0]);
  });
  it('a corner comes in the middle of a side, the last side too', () => {
    expect(withCornerBehind(square, 0).points[1]).toEqual([0.3, 0.1]);
    expect(withCornerBehind(square, 3).points[4]).toEqual([0.1, 0.3]);
  });
  it('a triangle keeps its corners', () => {
    const triangle = withoutCorner(square, 2);
    expect(triangle.points).toHaveLength(3);
    expect(withoutCorner(triangle, 0)).toBe(triangle);
  });
  it('a zone moves to the edge and keeps its shape', () => {
    expect(shifted(square, 0.9, -0.9).points).toEqual([
      [0.6, 0],
      [1, 0],
      [1, 0.4],
      [0.6, 0.4],
    ]);
  });
  it('new ones have names of their own and lie beside each other', () => {
    const first = freshZone(freshName('Bölge', []), [], true);
    const second = freshZone(freshName('Bölge', [first]), [first], false);
    expect([first.name, second.name]).toEqual(['Bölge 1', 'Bölge 2']);
    expect(second.points[0]).not.toEqual(first.points[0]);
  });
  it('names must be there, be ours and be one each', () => {
    const named = (name: string): Zone => ({ ...square, name });
    expect(nameMistakes([named('a'), named(' '), named('*'), named('b'), named('b ')])).toEqual([
      null,
      'nameless',
      'reserved',
      'twice',
      'twice',
    ]);
  });
});

it('cells are read from their bits', () => {
  const moving = { looks: true, at: null, view: true, seldom: false, zones: [], columns: 8, rows: 2, cells: '8101' };
  expect(movingCells(moving)).toEqual([0, 7, 15]);
});

it('the line for cameras.toml says the same', () => {
  expect(asToml({ sensitivity: 3, zones: [] })).toBe('motion = { sensitivity = 3 }');
  const zone: Zone = { name: 'a "b"', include: false, points: [[0, 0], [1, 0.25], [1, 1]] };
  expect(asToml({ sensitivity: 5, zones: [zone] })).toBe(
    'motion = { sensitivity = 5, zones = [\n' +
      '  { name = "a \\"b\\"", points = [[0.0, 0.0], [1.0, 0.25], [1.0, 1.0]], include = false },\n' +
      '] }',
  );
});
