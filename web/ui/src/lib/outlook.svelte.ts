// The effect of rules that are not saved yet, asked for as somebody edits: late answers to what was
// typed before are dropped, and what is shown says whether it is of the rules as they now stand.

import { ApiError } from './api';
import type { Preview, RuleBody } from './keeping';
import { session } from './session.svelte';

// The server reads its whole index for each: not for every letter.
const REST_MS = 400;

export class Outlook {
  preview = $state.raw<Preview | null>(null);
  problem = $state.raw<ApiError | null>(null);
  asking = $state(false);

  /** Ask about these rules once typing rests; null: there are none to ask about. Returns the end. */
  of(rules: readonly RuleBody[] | null): () => void {
    this.asking = rules !== null;
    this.problem = null;
    if (rules === null) {
      this.preview = null;
      return () => undefined;
    }
    const leaving = new AbortController();
    const timer = setTimeout(() => void this.#ask(rules, leaving.signal), REST_MS);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }

  async #ask(rules: readonly RuleBody[], signal: AbortSignal): Promise<void> {
    try {
      const preview = await session.api.previewRules(rules, signal);
      if (signal.aborted) return;
      this.preview = preview;
    } catch (failure) {
      if (signal.aborted) return;
      if (!(failure instanceof ApiError)) throw failure;
      this.preview = null;
      this.problem = failure;
    }
    this.asking = false;
  }
}
