// What a form sends to the server: once at a time, with the words for why it failed last. A form
// that was closed meanwhile is neither written to nor closed again; what it sent is done all the same.

import { ApiError } from './api';

export class Attempt {
  busy = $state(false);
  /** Why the last one failed, or what else stands in the way; empty: nothing. */
  problem = $state('');

  readonly #told: (failure: ApiError) => string;
  readonly #close: () => void;
  #hasLeft = false;

  /** `told`: the words for a failure; may take what belongs beside single fields. `close`: done, the form goes. */
  constructor(told: (failure: ApiError) => string, close: () => void = () => undefined) {
    this.#told = told;
    this.#close = close;
    $effect(() => () => this.leave());
  }

  /** Send, unless it is being sent. `act` says false where it is not done yet. Returns whether it is. */
  async run(act: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = '';
    try {
      if ((await act()) === false) return false;
      if (!this.#hasLeft) this.#close();
      return true;
    } catch (failure) {
      if (!(failure instanceof ApiError)) throw failure;
      if (!this.#hasLeft) this.problem = this.#told(failure);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** The form is gone; follows by itself where the attempt was made as its component began. */
  leave(): void {
    this.#hasLeft = true;
  }
}
