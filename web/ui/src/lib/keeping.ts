// What the server says of keeping: holds, exports, retention, storage. Times are RFC 3339 text,
// spans are seconds, sizes bytes, as the HTTP contract has them (docs/api.md). Types only.

export interface Hold {
  readonly id: string;
  readonly camera: string;
  readonly start: string;
  readonly end: string;
  readonly reason: string;
  /** When it lifts itself; null: only a person lifts it. */
  readonly until: string | null;
  readonly made: string;
  readonly made_by: string;
  readonly lifted: string | null;
  readonly lifted_by: string | null;
  readonly lift_reason?: string | null;
}

export interface NewHold {
  readonly camera: string;
  readonly start: string;
  readonly end: string;
  readonly reason: string;
  readonly until: string | null;
}

/** A camera and span hidden from all but `seen_by`. `end` null: until a person lifts it. */
export interface Block {
  readonly id: string;
  readonly camera: string;
  readonly start: string;
  readonly end: string | null;
  readonly reason: string;
  readonly seen_by: readonly string[];
  readonly made: string;
  readonly made_by: string;
}

export interface NewBlock {
  readonly camera: string;
  readonly start: string;
  readonly end: string | null;
  readonly reason: string;
  readonly seen_by: readonly string[];
}

export type ExportState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

export interface ExportJob {
  readonly id: string;
  readonly state: ExportState;
  readonly cameras: readonly string[];
  readonly start: string;
  readonly end: string;
  readonly reason: string;
  readonly made: string;
  readonly made_by: string;
  /** Bytes read so far, of `total`; a total of 0 is not known yet. */
  readonly done: number;
  readonly total: number;
  readonly size: number | null;
  readonly error: string | null;
}

export interface NewExport {
  readonly cameras: readonly string[];
  readonly start: string;
  readonly end: string;
  readonly reason: string;
  readonly language: 'tr' | 'en';
  readonly password: string | null;
}

/** A rule as it is written; `keep` and `minimum` in seconds, quotas in bytes. */
export interface RuleBody {
  readonly name: string;
  readonly keep: number | null;
  readonly quota: number | null;
  readonly quota_all: number | null;
  readonly minimum: number | null;
  readonly cameras: readonly string[];
  readonly reason: string;
}

export interface Rule extends RuleBody {
  readonly origin: 'file' | 'database';
  /** Ids of the cameras for which this rule is the last that matches. */
  readonly matches: readonly string[];
}

export interface KeptCamera {
  readonly camera: string;
  /** The rule that holds for it; null: no rule matches, nothing goes by age. */
  readonly rule: string | null;
  readonly promised: number | null;
  readonly kept: number | null;
  readonly bytes: number;
  readonly rate: number | null;
  /** Seconds that the disks and its quota have room for. */
  readonly fits: number | null;
}

export interface Retention {
  readonly rules: readonly Rule[];
  readonly cameras: readonly KeptCamera[];
  /** Why nothing goes by age just now, or null. */
  readonly clock: string | null;
}

export interface PreviewCamera {
  readonly camera: string;
  readonly segments: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly oldest: string | null;
  /** How long footage fits on the disks under these rules; null: not known. */
  readonly fits: number | null;
}

/** What saving these rules would delete at once. */
export interface Preview {
  readonly segments: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly cameras: readonly PreviewCamera[];
}

export type VolumeState = 'good' | 'full' | 'failed' | 'missing' | 'foreign';

export interface StoredVolume {
  readonly uuid: string | null;
  readonly path: string;
  readonly total: number | null;
  readonly free: number | null;
  /** What our footage takes of it. */
  readonly used: number | null;
  readonly reserve: number;
  readonly quota: number | null;
  readonly state: VolumeState;
  readonly detail: string | null;
}

export interface Finding {
  readonly kind: string;
  readonly subject: string;
  readonly detail: string;
  readonly first: string;
  readonly last: string;
}

export interface StorageFacts {
  readonly volumes: readonly StoredVolume[];
  /** null until enough was measured. */
  readonly forecast: {
    /** Bytes a second. */
    readonly rate: number | null;
    /** null: the rules make room in time. */
    readonly full_at: string | null;
    readonly days_kept: number | null;
  } | null;
  readonly findings: readonly Finding[];
  readonly ledger: {
    readonly size: number;
    readonly root: string | null;
    /** The signed note; empty while there is none. */
    readonly checkpoint: string | null;
    /** When an authority stamped one last. */
    readonly stamped: string | null;
  } | null;
  readonly scrub: {
    readonly done: number;
    readonly total: number;
    readonly since: string | null;
    readonly last: string | null;
  } | null;
}
