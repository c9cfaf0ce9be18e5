import { describe, expect, test } from 'vitest';
import { ApiError } from './api';
import { Attempt } from './attempt.svelte';

const refused = new ApiError(409, 'taken', 'the name is taken');
const words = (failure: ApiError): string => `Olmadı: ${failure.message}`;

/** An attempt whose answer is given by hand, and what was closed. */
function begun(attempt: (close: () => void) => Attempt = (close) => new Attempt(words, close)) {
  const closed: string[] = [];
  const made = attempt(() => closed.push('closed'));
  let resolve: (value: unknown) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const done = made.run(
    () =>
      new Promise((yes, no) => {
        resolve = yes;
        reject = no;
      }),
  );
  return { attempt: made, closed, done, answer: (value?: unknown) => resolve(value), fail: (reason: Error) => reject(reason) };
}

describe('what a form sends', () => {
  test('is being sent until it is answered, and then the form closes', async () => {
    const { attempt, closed, done, answer } = begun();
    expect([attempt.busy, closed]).toEqual([true, []]);
    answer();
    expect(await done).toBe(true);
    expect([attempt.busy, attempt.problem, closed]).toEqual([false, '', ['closed']]);
  });

  test('is sent once, however often somebody presses', async () => {
    const { attempt, closed, done, answer } = begun();
    let again = 0;
    expect(await attempt.run(() => Promise.resolve((again += 1)))).toBe(false);
    answer();
    await done;
    expect([again, closed]).toEqual([0, ['closed']]);
  });

  test('says why it failed, stays open, and says it no more when sent again', async () => {
    const { attempt, closed, done, fail } = begun();
    fail(refused);
    expect(await done).toBe(false);
    expect([attempt.busy, attempt.problem, closed]).toEqual([false, 'Olmadı: the name is taken', []]);
    const again = attempt.run(() => Promise.resolve());
    expect(attempt.problem).toBe('');
    expect(await again).toBe(true);
  });

  test('that is not done yet leaves the form open', async () => {
    const { closed, done, answer } = begun();
    answer(false);
    expect([await done, closed]).toEqual([false, []]);
  });

  test('closes nothing where the form was closed meanwhile', async () => {
    const { attempt, closed, done, answer } = begun();
    attempt.leave();
    answer();
    expect([await done, closed]).toEqual([true, []]);
  });

  test('writes nothing where the form was closed meanwhile', async () => {
    const asked: ApiError[] = [];
    const { attempt, done, fail } = begun(() => new Attempt((failure) => (asked.push(failure), 'words')));
    attempt.leave();
    fail(refused);
    expect([await done, attempt.problem, asked]).toEqual([false, '', []]);
  });

  test('tells no mistake of ours as the server’s', async () => {
    const { attempt, done, fail } = begun();
    fail(new TypeError('ours'));
    await expect(done).rejects.toThrow('ours');
    expect([attempt.busy, attempt.problem]).toEqual([false, '']);
  });
});
