// Who is signed in. The screens behind the sign-in exist only while `phase` is `in`.

import type { Action } from './approvals';
import { Api, ApiError, type SessionFacts } from './api';

export type SessionPhase = 'asking' | 'unreachable' | 'out' | 'in';

const RETRY_MS = 3_000;

class Session {
  phase = $state<SessionPhase>('asking');
  facts = $state.raw<SessionFacts | null>(null);
  /** True when the server ended a session that was open: the sign-in page says so. */
  expired = $state(false);
  readonly api = new Api(() => this.#ended());
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** Ask the server whether the cookie of an earlier visit still holds. */
  async resume(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      const facts = await this.api.session();
      if (facts === null) this.phase = 'out';
      else this.#opened(facts);
    } catch (reason) {
      if (!(reason instanceof ApiError)) throw reason;
      this.phase = 'unreachable';
      this.#retry = setTimeout(() => void this.resume(), RETRY_MS);
    }
  }

  async signIn(username: string, password: string, otp?: string): Promise<void> {
    this.#opened(await this.api.signIn(username, password, otp));
  }

  async giveCode(otp: string): Promise<void> {
    this.#opened(await this.api.giveCode(otp));
  }

  async signOut(): Promise<void> {
    try {
      await this.api.signOut();
    } catch (reason) {
      if (!(reason instanceof ApiError)) throw reason;
      // Already ended on the server, or unreachable: this screen is left in either case.
    }
    this.facts = null;
    this.expired = false;
    this.phase = 'out';
  }

  /** Whether the server would let this person; where it does not say, it will answer for itself. */
  may(
    permission:
      | 'hold'
      | 'block'
      | 'export'
      | 'retention'
      | 'registry'
      | 'storage'
      | 'people'
      | 'ptz'
      | 'audit'
      | 'snapshot'
      | 'approve',
  ): boolean {
    return this.facts?.permissions?.includes(permission) ?? true;
  }

  /** Whether a second person's yes is needed, for this or, without it, for anything. */
  needsTwo(action?: Action): boolean {
    const needed = this.facts?.approval ?? [];
    return action === undefined ? needed.length > 0 : needed.includes(action);
  }

  #opened(facts: SessionFacts): void {
    this.facts = facts;
    this.expired = false;
    this.phase = 'in';
  }

  #ended(): void {
    if (this.phase !== 'in') return;
    this.facts = null;
    this.expired = true;
    this.phase = 'out';
  }
}

export const session = new Session();
