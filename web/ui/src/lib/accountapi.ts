// One's own account over HTTP. Part of `Api`, which lends it its ways of asking.

import type { Door } from './people';
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

/** Null lists: all the person may. `code`: asked with a second factor. */
export interface NewToken {
  readonly label: string;
  readonly days: number;
  readonly permissions: readonly string[] | null;
  readonly cameras: readonly string[] | null;
  readonly password: string;
  readonly code: string | null;
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

  begin(password: string | null): Promise<Begun> {
    return this.#asking.change('POST', FACTOR, { password });
  }

  /** From then on a code is asked. The recovery codes are told this once. */
  confirm(code: string): Promise<{ readonly recovery_codes: readonly string[] }> {
    return this.#asking.change('POST', `${FACTOR}/confirm`, { code });
  }

  /** Ends one's other sign-ins and all tokens. `code`: asked with a second factor. */
  changePassword(password: string, wanted: string, code: string | null): Promise<unknown> {
    return this.#asking.change('POST', '/api/account/password', { password, new: wanted, code });
  }

  doors(signal?: AbortSignal): Promise<readonly Door[]> {
    return this.#asking.get('/api/account/sessions', signal);
  }

  shut(id: string): Promise<unknown> {
    return this.#asking.change('DELETE', `/api/account/sessions/${encodeURIComponent(id)}`);
  }

  /** The token is told this once. */
  makeToken(wanted: NewToken): Promise<{ readonly token: string; readonly expires: string }> {
    return this.#asking.change('POST', '/api/account/tokens', wanted);
  }

  /** Ends all of one's sign-ins, this one too. */
  remove(password: string | null, code: string): Promise<unknown> {
    return this.#asking.change('POST', `${FACTOR}/remove`, { password, code });
  }
}
