// The timeline's parts in its shadow root, and its colours as the page gives them.

import type { Palette } from './scene';

const SHEET = `
:host { display: block; position: relative; min-height: 48px; height: 84px; overflow: visible;
  background: var(--panel, #11161b); user-select: none; -webkit-user-select: none; contain: layout; }
:host([hidden]) { display: none; }
:host(:focus-visible) { outline: 2px solid var(--accent, #46b8c8); outline-offset: -2px; }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: crosshair; }
.playhead, .cursor { position: absolute; top: 0; bottom: 0; left: 0; width: 0; pointer-events: none; }
.playhead::before { content: ""; position: absolute; top: 0; bottom: 0; left: -1px; width: 2px; background: #fff; }
.playhead::after { content: ""; position: absolute; top: 0; left: -6px; border: 6px solid transparent;
  border-top: 8px solid #fff; border-bottom: 0; }
.cursor::before { content: ""; position: absolute; top: 24px; bottom: 0; left: 0; width: 1px;
  background: var(--muted, #8c9aa7); opacity: .6; }
.tip { position: absolute; left: 0; bottom: 4px; padding: 4px 8px; pointer-events: none;
  max-width: 100%; white-space: nowrap; font-size: 12px; line-height: 1.45; font-variant-numeric: tabular-nums;
  color: var(--text, #dfe6ec); background: var(--raised, #182027);
  border: 1px solid var(--line-strong, #34424e); border-radius: 6px; z-index: 2; }
.tip .gap { color: var(--gap-text, #f2b8ae); }
.tip .event { color: var(--event, #e8b64c); }
.tip .hold { color: var(--hold-text, #c9b3f5); }
.tip .more { color: var(--muted, #97a5b1); white-space: normal; max-width: 34em; overflow-wrap: anywhere; }
[hidden] { display: none; }
`;

let sheet: CSSStyleSheet | null = null;

export interface Frame {
  readonly canvas: HTMLCanvasElement;
  readonly playhead: HTMLElement;
  readonly cursor: HTMLElement;
  readonly tip: HTMLElement;
}

function part(name: string): HTMLElement {
  const element = document.createElement('div');
  element.className = name;
  element.part.add(name);
  element.hidden = true;
  return element;
}

export function frameOf(root: ShadowRoot): Frame {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(SHEET);
  }
  root.adoptedStyleSheets = [sheet];
  const canvas = document.createElement('canvas');
  canvas.setAttribute('aria-hidden', 'true');
  const frame = { canvas, playhead: part('playhead'), cursor: part('cursor'), tip: part('tip') };
  root.append(frame.canvas, frame.cursor, frame.playhead, frame.tip);
  return frame;
}

/** The page's colours, with the house's own where it says nothing. */
export function paletteOf(host: HTMLElement): Palette {
  const style = getComputedStyle(host);
  const of = (name: string, otherwise: string): string =>
    style.getPropertyValue(name).trim() || otherwise;
  return {
    panel: of('--panel', '#11161b'),
    raised: of('--lane', '#151c22'),
    line: of('--line', '#232d36'),
    strong: of('--line-strong', '#34424e'),
    text: of('--text', '#dfe6ec'),
    muted: of('--muted', '#8c9aa7'),
    accent: of('--accent', '#46b8c8'),
    footage: of('--rec', '#2f7d8b'),
    activity: of('--activity', '#8fdbe6'),
    gap: of('--gap', '#2a1a1c'),
    gapEdge: of('--gap-edge', '#ef5b47'),
    gapText: of('--gap-text', '#f2b8ae'),
    event: of('--event', '#e8b64c'),
    hold: of('--hold', '#b392f0'),
    holdGround: of('--hold-bg', '#221d33'),
    deleted: of('--deleted', '#171e25'),
    deletedEdge: of('--deleted-edge', '#5a6975'),
    deletedText: of('--muted', '#97a5b1'),
    font: style.fontFamily,
  };
}
