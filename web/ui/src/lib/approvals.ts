// What takes a second person's yes (docs/approvals.md): what the server says of requests, and how
// they are sorted for their reader. Pure.

import type { NewExport, RuleBody } from './keeping';

export type Action = 'export' | 'lift' | 'retention' | 'sound';
export const ACTIONS: readonly Action[] = ['export', 'lift', 'retention', 'sound'];
/** The permission an action takes. */
export const TAKES: Readonly<Record<Action, string>> = {
  export: 'export',
  lift: 'hold',
  retention: 'retention',
  sound: 'sound',
};

export type ApprovalState = 'waiting' | 'approved' | 'refused' | 'taken_back' | 'lapsed' | 'used';

export interface Approval {
  readonly id: string;
  readonly action: Action;
  readonly cameras: readonly string[];
  readonly start: string | null;
  /** null with a start: open, while the yes holds. */
  readonly end: string | null;
  readonly reason: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly state: ApprovalState;
  readonly asked: string;
  readonly asked_by: string;
  /** Until when it waits, or its yes holds. */
  readonly expires: string;
  readonly decided: string | null;
  readonly decided_by: string | null;
  readonly refusal: string | null;
  readonly used: string | null;
  readonly mine: boolean;
  readonly may_decide: boolean;
}

/** What is asked for, as the server takes it. */
export type Ask =
  | {
      readonly action: 'export';
      readonly cameras: readonly string[];
      readonly start: string;
      readonly end: string;
      readonly reason: string;
      readonly language: 'tr' | 'en';
      readonly encrypted: boolean;
    }
  | { readonly action: 'lift'; readonly hold: string; readonly reason: string }
  | {
      readonly action: 'retention';
      readonly change: 'put' | 'delete' | 'confirm_clock';
      readonly rule?: RuleBody;
      readonly name?: string;
      readonly meant?: boolean;
      readonly reason: string;
    }
  | {
      readonly action: 'sound';
      readonly camera: string;
      readonly start: string | null;
      readonly end: string | null;
      readonly reason: string;
    };

/** An export as what is asked for; its password stays here. */
export function askOfExport(wanted: NewExport): Ask {
  const { password, ...rest } = wanted;
  return { action: 'export', ...rest, encrypted: password !== null };
}

/** The requests in three lists: to decide, one's own, and others that one only sees. */
export interface Sorted {
  readonly toDecide: readonly Approval[];
  readonly mine: readonly Approval[];
  readonly others: readonly Approval[];
}

/** Those to decide stand the oldest first: they wait longest. One's own: what can be done first. */
export function sorted(approvals: readonly Approval[]): Sorted {
  const mine = approvals.filter((one) => one.mine);
  const ready = mine.filter((one) => one.state === 'approved');
  const open = mine.filter((one) => one.state === 'waiting');
  const ended = mine.filter((one) => one.state !== 'approved' && one.state !== 'waiting');
  return {
    toDecide: approvals.filter((one) => one.may_decide).reverse(),
    mine: [...ready, ...open, ...ended],
    others: approvals.filter((one) => !one.mine && !one.may_decide),
  };
}

/** What its reader has something to do about: to say yes or no to, or to carry out. */
export function pressing(approvals: readonly Approval[]): number {
  const canBeDone = (one: Approval): boolean => one.mine && one.state === 'approved' && one.action !== 'sound';
  return approvals.filter((one) => one.may_decide || canBeDone(one)).length;
}

/** One's own requests by which one hears this camera now. */
export function hearing(approvals: readonly Approval[], camera: string): readonly string[] {
  const heard = approvals.filter(({ mine, state, action }) => mine && state === 'approved' && action === 'sound');
  return heard.filter((one) => one.cameras.includes(camera)).map((one) => one.id);
}

/** Whether something is soon to change that its reader waits for or is waited for. */
export function isAwaited(approvals: readonly Approval[]): boolean {
  return pressing(approvals) > 0 || approvals.some((one) => one.mine && one.state === 'waiting');
}

export function isOpen(one: Approval): boolean {
  return one.state === 'waiting' || one.state === 'approved';
}

/** A text of its parameters; empty if it has none. */
export function param(one: Approval, name: string): string {
  const value = one.params[name];
  return typeof value === 'string' ? value : '';
}

/** The rule a request would put; null if it is about something else. */
export function ruleOf(one: Approval): RuleBody | null {
  return one.params['change'] === 'put' ? (one.params['rule'] as RuleBody) : null;
}
