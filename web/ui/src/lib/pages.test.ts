import { describe, expect, test } from 'vitest';
import { ApiError } from './api';
import { Pages, type PageOf } from './pages.svelte';

interface Question {
  readonly before: number | null;
  readonly signal: AbortSignal;
  readonly answer: (entries: readonly number[], next: number | null) => Promise<void>;
  readonly fail: (reason: Error) => Promise<void>;
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** A log whose questions are answered by hand. */
function opened(joined?: (known: readonly number[], older: readonly number[]) => readonly number[]) {
  const questions: Question[] = [];
  const pages = new Pages<number, PageOf<number>>(
    (before, signal) =>
      new Promise((resolve, reject) => {
        questions.push({
          before,
          signal,
          answer: (entries, next) => (resolve({ entries, next }), settled()),
          fail: (reason) => (reject(reason), settled()),
        });
      }),
    joined,
  );
  const asked = (number: number): Question => {
    const found = questions[number];
    if (found === undefined) throw new Error(`question ${String(number)} was not asked`);
    return found;
  };
  return { pages, questions, asked };
}
const gone = new ApiError(0, 'network', 'the server could not be reached');

describe('the pages of a log', () => {
  test('come one behind the other until there is none', async () => {
    const { pages, questions, asked } = opened();
    expect(pages.latest).toBeNull();
    void pages.load();
    expect([asked(0).before, pages.busy]).toEqual([null, true]);
    await asked(0).answer([9, 8], 8);
    expect([pages.entries, pages.next, pages.busy]).toEqual([[9, 8], 8, false]);
    void pages.more();
    expect(asked(1).before).toBe(8);
    await asked(1).answer([7], null);
    expect([pages.entries, pages.next]).toEqual([[9, 8, 7], null]);
    await pages.more();
    expect(questions.length).toBe(2);
  });

  test('are joined as the log wants it', async () => {
    const { pages, asked } = opened((known, older) => [...new Set([...known, ...older])]);
    void pages.load();
    await asked(0).answer([9, 8], 8);
    void pages.more();
    await asked(1).answer([8, 7], null);
    expect(pages.entries).toEqual([9, 8, 7]);
  });

  test('begun anew replace those there are, and drop the question before', async () => {
    const { pages, asked } = opened();
    void pages.load();
    await asked(0).answer([9], 9);
    void pages.more();
    void pages.load();
    expect(asked(1).signal.aborted).toBe(true);
    await asked(2).answer([5], 5);
    await asked(1).answer([8], 8);
    expect([pages.entries, pages.next, pages.busy]).toEqual([[5], 5, false]);
  });

  test('a dropped question that fails says nothing, and the later one is still being asked', async () => {
    const { pages, asked } = opened();
    void pages.load();
    void pages.load();
    await asked(0).fail(gone);
    expect([pages.problem, pages.busy]).toEqual([null, true]);
  });

  test('what failed stands beside what is there until an answer comes', async () => {
    const { pages, asked } = opened();
    void pages.load();
    await asked(0).fail(gone);
    expect([pages.problem, pages.latest, pages.busy]).toEqual([gone, null, false]);
    void pages.load();
    await asked(1).answer([9, 8], 8);
    expect(pages.problem).toBeNull();
    void pages.more();
    await asked(2).fail(gone);
    expect([pages.problem, pages.entries, pages.next]).toEqual([gone, [9, 8], 8]); // asked for again
  });

  test('nothing of a search goes behind the entries of another', async () => {
    const { pages, asked } = opened();
    void pages.load();
    await asked(0).answer([9], 9);
    void pages.load();
    await asked(1).fail(gone);
    expect([pages.entries, pages.next]).toEqual([[9], null]);
  });

  test('nothing is written after the page was left', async () => {
    const { pages, asked } = opened();
    const leave = pages.run();
    leave();
    expect(asked(0).signal.aborted).toBe(true);
    await asked(0).answer([9], null);
    expect([pages.entries, pages.latest]).toEqual([[], null]);
  });

  test('a mistake of ours is not taken for a failure of the server', async () => {
    const { pages, asked } = opened();
    const loading = pages.load();
    void asked(0).fail(new TypeError('ours'));
    await expect(loading).rejects.toThrow('ours');
  });
});
