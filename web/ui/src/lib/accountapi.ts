// One's own account over HTTP. Part of `Api`, which lends it its ways of asking.

import type { Asking } from './registryapi';

/** `since` null: there is none. `required`: a role asks for one. */
export interface SecondFactor {
  readonly since: string | null;
  readonly recovery_left: number;
  readonly required: boolean;
}

/** For the telephone, this once. `picture`: a data: address. */
export interface Begun {
  readonly secret: string;
  readonly picture: string;
}

const FACTOR = '/api/account/second-factor';

export class AccountApi {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  secondFactor(signal?: AbortSignal): Promise<SecondFactor> {
    return this.#asking.get(FACTOR, signal);
  }

  begin(password: string): Promise<Begun> {
    return this.#asking.change('POST', FACTOR, { password });
  }

  /** From then on a code is asked. The recovery codes are told this once. */
  confirm(code: string): Promise<{ readonly recovery_codes: readonly string[] }> {
    return this.#asking.change('POST', `${FACTOR}/confirm`, { code });
  }

  /** Ends all of one's sign-ins, this one too. */
  remove(password: string, code: string): Promise<unknown> {
    return this.#asking.change('POST', `${FACTOR}/remove`, { password, code });
  }
}
