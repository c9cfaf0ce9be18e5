// Pointer, wheel and touch on the timeline, told as what they mean: zoom, pan, pick, scrub, hover.
// Knows pixels; times and views are the element's.

export interface GestureTarget {
  /** Zoom by `factor` around pixel `x`. */
  zoom(factor: number, x: number): void;
  /** Move the contents by pixels. */
  pan(dx: number): void;
  /** Two fingers that began at pixels `from` are now at `to`. */
  pinchStart(x1: number, x2: number): void;
  pinch(x1: number, x2: number): void;
  /** A moment was chosen; `isDone` is false while the playhead is being dragged. */
  pick(x: number, isDone: boolean): void;
  /** The pointer is over pixel `x`, in the lane at `y`; null when it left. */
  hover(at: { x: number; y: number } | null): void;
  /** Whether a drag that begins here takes the playhead. */
  grabsPlayhead(x: number, y: number): boolean;
}

// Less movement than this is a click: hands and touch screens tremble.
const CLICK_SLACK = 4;
const WHEEL_SPEED = 0.0016;
// What a wheel's line and page are in pixels.
const WHEEL_UNITS = [1, 16, 400] as const;

type Drag =
  | { readonly kind: 'maybe-click' | 'pan' | 'scrub'; readonly from: number; last: number }
  | { readonly kind: 'pinch' };

export function listenTo(surface: HTMLElement, target: GestureTarget, signal: AbortSignal): void {
  const pointers = new Map<number, number>();
  let drag: Drag | null = null;

  const place = (event: MouseEvent): { x: number; y: number } => {
    const box = surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    act: (event: HTMLElementEventMap[K]) => void,
    options: AddEventListenerOptions = {},
  ): void => surface.addEventListener(type, act, { ...options, signal });

  on('pointerdown', (event) => {
    if (event.button !== 0) return;
    const { x, y } = place(event);
    surface.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, x);
    const [first, second] = [...pointers.values()];
    if (first !== undefined && second !== undefined) {
      drag = { kind: 'pinch' };
      target.pinchStart(first, second);
    } else {
      drag = { kind: target.grabsPlayhead(x, y) ? 'scrub' : 'maybe-click', from: x, last: x };
    }
  });

  on('pointermove', (event) => {
    const { x, y } = place(event);
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, x);
    if (drag === null) {
      if (event.pointerType !== 'touch') target.hover({ x, y });
      return;
    }
    if (drag.kind === 'pinch') {
      const [first, second] = [...pointers.values()];
      if (first !== undefined && second !== undefined) target.pinch(first, second);
      return;
    }
    if (drag.kind === 'scrub') {
      target.hover({ x, y });
      target.pick(x, false);
      return;
    }
    if (drag.kind === 'maybe-click' && Math.abs(x - drag.from) > CLICK_SLACK) {
      drag = { kind: 'pan', from: drag.from, last: drag.from };
      target.hover(null);
    }
    if (drag.kind === 'pan') {
      target.pan(x - drag.last);
      drag.last = x;
    }
  });

  const end = (event: PointerEvent, isCancelled: boolean): void => {
    if (!pointers.delete(event.pointerId)) return;
    const ended = drag;
    // After a pinch the finger that stays neither picks nor pans: it only leaves later.
    drag = pointers.size > 0 ? { kind: 'pinch' } : null;
    if (ended === null || isCancelled || ended.kind === 'pinch' || ended.kind === 'pan') return;
    target.pick(place(event).x, true);
  };
  on('pointerup', (event) => end(event, false));
  on('pointercancel', (event) => end(event, true));
  on('pointerleave', () => target.hover(null));

  on(
    'wheel',
    (event) => {
      event.preventDefault();
      const unit = WHEEL_UNITS[event.deltaMode as 0 | 1 | 2];
      const { deltaX, deltaY } = event;
      if (event.shiftKey || Math.abs(deltaX) > Math.abs(deltaY)) {
        target.pan(-(deltaX === 0 ? deltaY : deltaX) * unit);
        return;
      }
      const turned = Math.max(-300, Math.min(300, deltaY * unit));
      // Trackpads tell a pinch as a wheel with Ctrl, in much smaller steps.
      target.zoom(Math.exp(turned * WHEEL_SPEED * (event.ctrlKey ? 6 : 1)), place(event).x);
    },
    { passive: false },
  );
}
