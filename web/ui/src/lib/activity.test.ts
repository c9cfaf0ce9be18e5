import { expect, it } from 'vitest';
import { LEAD, nextSpan } from './activity';

const spans = [
  { start: 10_000, end: 12_000 },
  { start: 60_000, end: 61_000 },
];

it('the next activity lies after what one sees already', () => {
  expect(nextSpan(spans, 0, 1)).toBe(spans[0]);
  expect(nextSpan(spans, 10_000 - LEAD, 1)).toBe(spans[1]);
  expect(nextSpan(spans, 60_000, 1)).toBe(null);
});

it('the previous one lies before', () => {
  expect(nextSpan(spans, 60_000 - LEAD, -1)).toBe(spans[0]);
  expect(nextSpan(spans, 5_000, -1)).toBe(null);
});
