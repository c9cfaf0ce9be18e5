import { describe, expect, it } from 'vitest';
import * as wall from './wall';

const query = (text: string): URLSearchParams => new URLSearchParams(text);

describe('a wall', () => {
  it('survives the address it is kept in', () => {
    const made = wall.cleared(wall.filled(['a', 'b', 'c', 'd'], 9), 1);
    expect(wall.toQuery(made)).toBe('layout=9&cells=a,,c,d');
    expect(wall.fromQuery(query(wall.toQuery(made)))).toEqual(made);
  });

  it('takes nothing odd from an address', () => {
    expect(wall.fromQuery(query('layout=5&cells=a'))).toBeNull();
    expect(wall.fromQuery(query(''))).toBeNull();
    const odd = wall.fromQuery(query('layout=4&cells=a,<script>,a,../x,b'));
    expect(odd?.cells.slice(0, 5)).toEqual(['a', null, null, null, 'b']);
    const long = wall.fromQuery(query(`layout=4&cells=${Array.from({ length: 99 }, (_, i) => `c${i}`).join(',')}`));
    expect(long?.cells).toHaveLength(wall.CELLS_MAX);
  });

  it('chooses the smallest layout that shows all', () => {
    expect([0, 1, 2, 4, 5, 6, 7, 9, 10, 16, 99].map(wall.layoutFor)).toEqual([1, 1, 4, 4, 6, 6, 9, 9, 16, 16, 16]);
  });

  it('keeps what a smaller layout hides', () => {
    const sixteen = wall.filled(Array.from({ length: 16 }, (_, i) => `c${i}`));
    const back = wall.withLayout(wall.withLayout(sixteen, 4), 16);
    expect(back).toEqual(sixteen);
  });

  it('changes two cells when a camera moves onto another', () => {
    const moved = wall.placed(wall.filled(['a', 'b', 'c']), 'a', 2);
    expect(moved.cells.slice(0, 3)).toEqual(['c', 'b', 'a']);
  });

  it('puts a camera into the selected empty cell, the first empty one, then over the selected', () => {
    const gappy = wall.cleared(wall.filled(['a', 'b', 'c', 'd']), 1);
    expect(wall.cellFor(gappy, null)).toBe(1);
    expect(wall.cellFor(gappy, 3)).toBe(1);
    const full = wall.filled(['a', 'b', 'c', 'd']);
    expect(wall.cellFor(full, 2)).toBe(2);
    expect(wall.cellFor(full, null)).toBe(3);
    expect(wall.cellFor(full, 9)).toBe(3);
  });
});

describe('moving about with the arrows', () => {
  it('goes from cell to cell and stays at the edge', () => {
    expect(wall.neighbour(4, 0, 1, 0)).toBe(1);
    expect(wall.neighbour(4, 0, 0, 1)).toBe(2);
    expect(wall.neighbour(4, 0, -1, 0)).toBe(0);
    expect(wall.neighbour(16, 15, 0, 1)).toBe(15);
    expect(wall.neighbour(1, 0, 1, 0)).toBe(0);
  });

  it('crosses the large cell of 1 + 5 in one step', () => {
    expect(wall.neighbour(6, 0, 1, 0)).toBe(1);
    expect(wall.neighbour(6, 2, -1, 0)).toBe(0);
    expect(wall.neighbour(6, 0, 0, 1)).toBe(3);
    expect(wall.neighbour(6, 4, 0, -1)).toBe(0);
    expect(wall.neighbour(6, 2, 0, 1)).toBe(5);
  });
});
