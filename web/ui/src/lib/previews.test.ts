import { describe, expect, it } from 'vitest';
import { Previews } from './previews';

const SEEN = new AbortController().signal;

/** A server one answers for by hand. */
function server() {
  const open = new Map<number, (picture: Blob) => void>();
  const cut: number[] = [];
  const answered = new Set<number>();
  const fetch = (at: number, signal: AbortSignal): Promise<Blob> =>
    new Promise((resolve, reject) => {
      open.set(at, resolve);
      signal.addEventListener('abort', () => {
        if (!answered.has(at)) cut.push(at);
        reject(signal.reason as Error);
      });
    });
  const answer = async (at: number): Promise<void> => {
    answered.add(at);
    open.get(at)?.(new Blob(['picture']));
    await settled();
  };
  return { open, cut, fetch, answer };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

describe('previews', () => {
  it('are fetched two at a time, in the order they were asked for', async () => {
    const { open, fetch, answer } = server();
    const previews = new Previews(fetch);
    const all = [1, 2, 3, 4].map((at) => previews.picture(at, SEEN));
    await settled();
    expect([...open.keys()]).toEqual([1, 2]);
    await answer(1);
    expect([...open.keys()]).toEqual([1, 2, 3]);
    for (const at of [2, 3, 4]) await answer(at);
    expect(new Set(await Promise.all(all)).size).toBe(4);
    previews.close();
  });

  it('are fetched once and kept', async () => {
    const { open, fetch, answer } = server();
    const previews = new Previews(fetch);
    const first = previews.picture(1, SEEN);
    await settled();
    await answer(1);
    open.clear();
    expect(await previews.picture(1, SEEN)).toBe(await first);
    expect(open.size).toBe(0);
    previews.close();
  });

  it('give up their place when nobody sees them any more', async () => {
    const { open, cut, fetch, answer } = server();
    const previews = new Previews(fetch, 1);
    const scrolled = new AbortController();
    const [first, waiting, last] = [previews.picture(1, scrolled.signal), previews.picture(2, scrolled.signal), previews.picture(3, SEEN)];
    const gone = Promise.allSettled([first, waiting]);
    await settled();
    scrolled.abort();
    expect((await gone).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(cut).toEqual([1]);
    await settled();
    expect([...open.keys()]).toEqual([1, 3]);
    await answer(3);
    expect(await last).toMatch(/^blob:/);
    previews.close();
  });

  it('are bounded: the one used longest ago goes', async () => {
    const { open, fetch, answer } = server();
    const previews = new Previews(fetch, 2, 2);
    for (const at of [1, 2, 3]) {
      const asked = previews.picture(at, SEEN);
      await settled();
      await answer(at);
      await asked;
    }
    expect(previews.counts).toEqual({ running: 0, kept: 2 });
    open.clear();
    void previews.picture(1, SEEN).catch(() => undefined);
    await settled();
    expect([...open.keys()]).toEqual([1]);
    previews.close();
  });

  it('are let go when the list closes, those on their way too', async () => {
    const { cut, fetch, answer } = server();
    const previews = new Previews(fetch);
    const kept = previews.picture(1, SEEN);
    await settled();
    await answer(1);
    const address = await kept;
    const late = previews.picture(2, SEEN);
    await settled();
    previews.close();
    await expect(late).rejects.toThrow();
    expect(cut).toEqual([2]);
    expect(previews.counts).toEqual({ running: 0, kept: 0 });
    await expect(fetchText(address)).rejects.toThrow();
    await expect(previews.picture(3, SEEN)).rejects.toThrow();
  });
});

function fetchText(address: string): Promise<string> {
  return fetch(address).then((response) => response.text());
}
