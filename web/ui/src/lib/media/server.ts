// What the players and the timeline ask of the server, typed as the HTTP contract says (docs/api.md).
// Times arrive as text and leave this module as milliseconds. Pages have their own client; this one
// stands alone so that the elements work on any page that is signed in.

import { formatInstant, parseInstant } from '../time';

export type StreamName = 'main' | 'sub';

/** A problem document (RFC 9457), or what comes closest when the answer is none. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
    this.name = 'Problem';
  }
}

/** One fragment: `offset` ms from the segment's start, then where its bytes stand. */
export interface Fragment {
  readonly offset: number;
  readonly at: number;
  readonly size: number;
  readonly key: boolean;
}

export interface Segment {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly videoCodec: string;
  readonly audioCodec: string | null;
  readonly url: string;
  readonly initLength: number;
  readonly fragments: readonly Fragment[];
  /** Still being written: it will grow. */
  readonly open: boolean;
}

export interface Media {
  readonly segments: readonly Segment[];
  /** The start of the next footage after the asked span, or null. */
  readonly next: number | null;
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Gap extends Span {
  readonly cause: string;
  readonly detail: string;
}

/** A span kept from every deletion. */
export interface HeldSpan extends Span {
  readonly id: string;
  readonly reason: string;
  /** When it lifts itself, or null: only a person lifts it. */
  readonly until: number | null;
}

/** Something that happened. `kind`: a word such as motion. */
export interface Happening extends Span {
  readonly id: number;
  readonly kind: string;
  readonly detail: string;
}

/** How much went on in a step of the asked span, 0–1: the mean of its seconds and the highest. */
export interface Activity extends Span {
  readonly level: number;
  readonly peak: number;
}

export interface Timeline extends Span {
  /** The start of the oldest footage, or null when there is none. */
  readonly first: number | null;
  readonly spans: readonly Span[];
  readonly gaps: readonly Gap[];
  readonly activity: readonly Activity[];
  readonly holds: readonly HeldSpan[];
  readonly events: readonly Happening[];
}

type Json = Record<string, unknown>;

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function text(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}

function instantOrNull(value: unknown): number | null {
  const at = parseInstant(text(value));
  return Number.isNaN(at) ? null : at;
}

async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const document = isJson(body) ? body : {};
  const wait = Number(response.headers.get('Retry-After') ?? NaN);
  return new Problem(
    response.status,
    text(document['code'], `http_${response.status}`),
    text(document['detail'], response.statusText),
    Number.isFinite(wait) ? wait * 1000 : null,
  );
}

/** Fetches, or throws a `Problem` for any answer that is not 2xx. */
export async function request(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, { credentials: 'same-origin', ...init });
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function requestJson(url: string, signal: AbortSignal | null): Promise<Json> {
  const response = await request(url, { signal });
  const body: unknown = await response.json();
  if (!isJson(body)) throw new Problem(502, 'bad_answer', `no JSON object at ${url}`);
  return body;
}

let csrfToken: string | null = null;

/** The page tells its token after sign-in; without it the elements ask the server themselves. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** For unsafe methods; asks `/api/session` once when nobody told. */
export async function csrf(fresh = false): Promise<string> {
  if (csrfToken === null || fresh) {
    csrfToken = text((await requestJson('/api/session', null))['csrf']);
  }
  return csrfToken;
}

function cameraUrl(camera: string, rest: string): string {
  return `/api/cameras/${encodeURIComponent(camera)}/${rest}`;
}

export function whepUrl(camera: string, stream: StreamName): string {
  return cameraUrl(camera, `live/whep?stream=${stream}`);
}

export function liveSocketUrl(camera: string, stream: StreamName): string {
  const url = new URL(cameraUrl(camera, `live/mse?stream=${stream}&info=true`), location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

function readFragment(value: unknown): Fragment {
  const [offset, at, size, key] = list(value).map(Number);
  return { offset: offset ?? 0, at: at ?? 0, size: size ?? 0, key: key === 1 };
}

function readSegment(value: unknown): Segment {
  const json = isJson(value) ? value : {};
  // The MIME type names the codecs as browsers want them; the API's own fields say `h264`, `aac`.
  const codecs = /codecs="([^"]*)"/.exec(text(json['mime']))?.[1]?.split(/\s*,\s*/) ?? [];
  return {
    id: text(json['id']),
    start: parseInstant(text(json['start'])),
    end: parseInstant(text(json['end'])),
    videoCodec: codecs.find((codec) => /^(avc|hev|hvc)/.test(codec)) ?? '',
    audioCodec: codecs.find((codec) => codec.startsWith('mp4a')) ?? null,
    url: text(json['url']),
    initLength: Number(json['init_length']),
    fragments: list(json['fragments']).map(readFragment),
    open: json['open'] === true,
  };
}

/** What is stored between two instants, to the fragment. */
export async function fetchMedia(
  camera: string,
  stream: StreamName,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Media> {
  const span = `start=${formatInstant(start)}&end=${formatInstant(end)}`;
  const json = await requestJson(cameraUrl(camera, `media?${span}&stream=${stream}`), signal);
  return {
    segments: list(json['segments']).map(readSegment).sort((a, b) => a.start - b.start),
    next: instantOrNull(json['next']),
  };
}

/** Bytes `from`–`to` (exclusive) of a stored file. */
export async function fetchRange(
  url: string,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const headers = { Range: `bytes=${from}-${to - 1}` };
  const response = await request(url, { headers, signal });
  const bytes = new Uint8Array(await response.arrayBuffer());
  // A server or proxy that ignores Range sends the whole file.
  return response.status === 206 ? bytes : bytes.slice(from, to);
}

function readSpan(value: unknown): Span {
  const json = isJson(value) ? value : {};
  return { start: parseInstant(text(json['start'])), end: parseInstant(text(json['end'])) };
}

function readGap(value: unknown): Gap {
  const json = isJson(value) ? value : {};
  return { ...readSpan(json), cause: text(json['cause']), detail: text(json['detail']) };
}

/** What a block hides from this person is missing as a gap is, and says why. */
function readHidden(value: unknown): Gap {
  return { ...readSpan(value), cause: 'hidden', detail: '' };
}

function readHold(value: unknown): HeldSpan {
  const json = isJson(value) ? value : {};
  const until = instantOrNull(json['until']);
  return { ...readSpan(json), id: text(json['id']), reason: text(json['reason']), until };
}

function readHappening(value: unknown): Happening {
  const json = isJson(value) ? value : {};
  return { ...readSpan(json), id: Number(json['id'] ?? 0), kind: text(json['kind']), detail: text(json['detail']) };
}

const LEVELS = 255;

/** The server's equal steps; those of which nothing is known are left out. */
function readActivity(value: unknown, start: number, end: number): Activity[] {
  const json = isJson(value) ? value : {};
  const peaks = list(json['peak']);
  const means = list(json['mean']);
  const step = (end - start) / Math.max(1, peaks.length);
  return peaks.flatMap((peak, index) => {
    if (typeof peak !== 'number') return [];
    const span = { start: start + index * step, end: start + (index + 1) * step };
    return [{ ...span, level: Number(means[index] ?? 0) / LEVELS, peak: peak / LEVELS }];
  });
}

/** Footage and gaps between two instants, merged by the server for `width` pixels. */
export async function fetchTimeline(
  camera: string,
  stream: StreamName,
  start: number,
  end: number,
  width: number,
  signal: AbortSignal,
): Promise<Timeline> {
  const span = `start=${formatInstant(start)}&end=${formatInstant(end)}`;
  const query = `timeline?${span}&stream=${stream}&width=${Math.max(1, Math.round(width))}`;
  const json = await requestJson(cameraUrl(camera, query), signal);
  return {
    start,
    end,
    first: instantOrNull(json['first']),
    spans: list(json['spans']).map(readSpan),
    gaps: [...list(json['gaps']).map(readGap), ...list(json['blocks']).map(readHidden)]
      .map((gap) => (Number.isNaN(gap.end) ? { ...gap, end } : gap))
      .sort((one, other) => one.start - other.start),
    activity: readActivity(json['activity'], start, end),
    holds: list(json['holds']).map(readHold),
    events: list(json['events']).map(readHappening),
  };
}

/** When something happened between two instants; `latest`: where there are many, the last ones. */
export async function fetchActivity(
  camera: string,
  stream: StreamName,
  start: number,
  end: number,
  latest: boolean,
  signal: AbortSignal,
): Promise<readonly Span[]> {
  const span = `start=${formatInstant(start)}&end=${formatInstant(end)}`;
  const json = await requestJson(cameraUrl(camera, `activity?${span}&stream=${stream}&latest=${latest}`), signal);
  return list(json['spans']).map(readSpan);
}

/** Whether an error only says that nobody waits for the answer any more. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
