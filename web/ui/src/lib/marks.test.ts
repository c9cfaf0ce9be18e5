import { describe, expect, it } from 'vitest';
import { bytesOf, isMarked, markedSpan, NO_MARKS, withIn, withOut } from './marks';

describe('marks', () => {
  it('make a span of two ends', () => {
    const marks = withOut(withIn(NO_MARKS, 1000), 5000);
    expect(markedSpan(marks)).toEqual({ start: 1000, end: 5000 });
    expect(markedSpan(withIn(NO_MARKS, 1000))).toBeNull();
    expect(isMarked(withOut(NO_MARKS, 7))).toBe(true);
    expect(isMarked(NO_MARKS)).toBe(false);
  });

  it('never stand the wrong way round: the one put last stays', () => {
    const marks = withOut(withIn(NO_MARKS, 1000), 5000);
    expect(withIn(marks, 5000)).toEqual({ in: 5000, out: null });
    expect(withIn(marks, 3000)).toEqual({ in: 3000, out: 5000 });
    expect(withOut(marks, 1000)).toEqual({ in: null, out: 1000 });
  });

  it('say how much is in between, if the rate is known', () => {
    expect(bytesOf(60_000, 4_000_000)).toBe(30_000_000);
    expect(bytesOf(60_000, null)).toBeNull();
    expect(bytesOf(60_000, 0)).toBeNull();
  });
});
