// The requests for a second person's yes that this reader is told of, kept fresh for rail and page.

import { ApiError } from './api';
import { isAwaited, pressing, type Action, type Approval, type Ask } from './approvals';
import { Asked } from './asked.svelte';
import { session } from './session.svelte';

const BUSY_MS = 5_000;
const CALM_MS = 20_000;

class Approvals {
  readonly asked = new Asked<readonly Approval[]>(
    (signal) => session.api.approvals.list(signal),
    (found) => (found !== null && isAwaited(found) ? BUSY_MS : CALM_MS),
  );

  get all(): readonly Approval[] {
    return this.asked.value ?? [];
  }

  get pressing(): number {
    return pressing(this.all);
  }

  /** Ask for them while the returned function is not called; not for who is never told of any. */
  run(): () => void {
    const concerned = session.may('approve') || session.may('audit') || session.needsTwo() || session.facts === null;
    return concerned ? this.asked.run() : () => undefined;
  }
}

export const approvals = new Approvals();

/** What a dialog does, or asks a second person for where the role wants that. */
export class BySecond {
  /** Whether a second person is needed: known beforehand, or since the server said so. */
  needed = $state(false);
  /** The request that was made. */
  sent = $state.raw<Approval | null>(null);

  constructor(action: Action) {
    this.needed = session.needsTwo(action);
  }

  /** Whether it is done. If not, it was asked for, or its reader is now told to ask. */
  async go(act: () => Promise<unknown>, ask: Ask): Promise<boolean> {
    if (!this.needed) {
      try {
        await act();
        return true;
      } catch (failure) {
        if (!(failure instanceof ApiError) || failure.code !== 'approval_needed') throw failure;
        this.needed = true;
        return false;
      }
    }
    this.sent = await session.api.approvals.ask(ask);
    void approvals.asked.refresh();
    return false;
  }
}
