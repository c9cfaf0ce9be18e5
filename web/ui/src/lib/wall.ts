// A wall: which cameras stand in which cells of which layout. Pure; kept in the address and in the
// browser's storage by the page.

export type Layout = 1 | 4 | 6 | 9 | 16;

export const LAYOUTS: readonly Layout[] = [1, 4, 6, 9, 16];
export const CELLS_MAX = 16;

export interface Wall {
  readonly layout: Layout;
  /** Camera ids by cell, always CELLS_MAX long: a smaller layout hides the rest, it does not lose it. */
  readonly cells: readonly (string | null)[];
}

/** How a layout stands on the screen, for moving about with the arrow keys. */
const COLUMNS: Readonly<Record<Layout, number>> = { 1: 1, 4: 2, 6: 3, 9: 3, 16: 4 };

/** 1 + 5: the large cell covers the upper left four of nine places; place → cell. */
const SIX_PLACES = [0, 0, 1, 0, 0, 2, 3, 4, 5] as const;

function padded(cells: readonly (string | null)[]): (string | null)[] {
  return Array.from({ length: CELLS_MAX }, (_, index) => cells[index] ?? null);
}

export const EMPTY: Wall = { layout: 4, cells: padded([]) };

export function isLayout(value: number): value is Layout {
  return (LAYOUTS as readonly number[]).includes(value);
}

/** Whether a cell fills most of the screen: the only one, or the large one of 1 + 5. */
export function isBig(layout: Layout, cell: number): boolean {
  return layout === 1 || (layout === 6 && cell === 0);
}

/** The smallest layout that shows `count` cameras, at most the largest. */
export function layoutFor(count: number): Layout {
  return LAYOUTS.find((layout) => layout >= count) ?? CELLS_MAX;
}

/** A wall of these cameras in this order. */
export function filled(ids: readonly string[], layout = layoutFor(ids.length)): Wall {
  return { layout, cells: padded(ids.slice(0, CELLS_MAX)) };
}

export function isEmpty(wall: Wall): boolean {
  return wall.cells.every((id) => id === null);
}

export function withLayout(wall: Wall, layout: Layout): Wall {
  return { ...wall, layout };
}

/** Put a camera into a cell; if it stood in another, the two cells change places. */
export function placed(wall: Wall, id: string, cell: number): Wall {
  const from = wall.cells.indexOf(id);
  const cells = [...wall.cells];
  if (from >= 0) cells[from] = cells[cell] ?? null;
  cells[cell] = id;
  return { ...wall, cells };
}

export function cleared(wall: Wall, cell: number): Wall {
  return { ...wall, cells: wall.cells.map((id, index) => (index === cell ? null : id)) };
}

/** Where a camera goes that was picked without a place: the selected cell, the first empty, the last. */
export function cellFor(wall: Wall, selected: number | null): number {
  if (selected !== null && selected < wall.layout && wall.cells[selected] === null) return selected;
  const empty = wall.cells.slice(0, wall.layout).indexOf(null);
  if (empty >= 0) return empty;
  return selected !== null && selected < wall.layout ? selected : wall.layout - 1;
}

/** The cell one step away, or the same at the edge. */
export function neighbour(layout: Layout, cell: number, right: number, down: number): number {
  const columns = COLUMNS[layout];
  const places = layout === 6 ? [...SIX_PLACES] : Array.from({ length: layout }, (_, i) => i);
  const from = places.indexOf(cell);
  let column = from % columns;
  let row = Math.floor(from / columns);
  for (;;) {
    column += right;
    row += down;
    if (column < 0 || column >= columns || row < 0 || row * columns >= places.length) return cell;
    const there = places[row * columns + column] ?? cell;
    if (there !== cell) return there;
  }
}

/** `layout=9&cells=a,b,,c`: what a bookmark keeps. */
export function toQuery(wall: Wall): string {
  const cells = wall.cells.map((id) => id ?? '');
  while (cells.at(-1) === '') cells.pop();
  return `layout=${wall.layout}&cells=${cells.join(',')}`;
}

/** The wall an address names, or null if it names none. */
export function fromQuery(query: URLSearchParams): Wall | null {
  const layout = Number(query.get('layout'));
  if (!isLayout(layout)) return null;
  const seen = new Set<string>();
  const cells = (query.get('cells') ?? '').split(',').map((id) => {
    if (!/^[a-z0-9-]{1,63}$/.test(id) || seen.has(id)) return null;
    seen.add(id);
    return id;
  });
  return { layout, cells: padded(cells) };
}
