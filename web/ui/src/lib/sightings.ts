// What the search for activity lists: spans of activity and, if wanted, events beside them; and what
// nobody knows of the stretch that was searched. Pure, but for the asking itself.

import { isCalm } from './gaps';
import { markedSpan, type Marks } from './marks';
import type { Gap, Span, Timeline } from './media/server';
import type { Asking } from './registryapi';
import { DAY, formatInstant, MINUTE, parseInstant, SECOND } from './time';

/** Who tells of an event: the camera of motion, our own search in zones, anybody of anything else. */
export const TELLERS = ['camera', 'zones', 'other'] as const;
export type Teller = (typeof TELLERS)[number];

/** From which level on a second counts: what stands out most, and so on down to what is faint. */
export const SENSITIVITIES = ['least', 'low', 'usual', 'most'] as const;
export type Sensitivity = (typeof SENSITIVITIES)[number];
// The level is 20 for each usual straying a second lies above the floor (docs/activity.md).
const ABOVE: Readonly<Record<Sensitivity, number>> = { least: 180, low: 110, usual: 64, most: 40 };
export const LEVEL_MAX = 255;

/** What is searched for; ms since 1970. */
export interface Wanted extends Span {
  readonly sensitivity: Sensitivity;
  readonly tellers: readonly Teller[];
}

export interface Sighting extends Span {
  /** Its own among those listed. */
  readonly key: string;
  readonly of: 'activity' | Teller;
  /** An event's kind and detail. */
  readonly kind: string;
  readonly detail: string;
  readonly lasts: boolean;
  /** The highest level; null of an event. */
  readonly peak: number | null;
  /** Where most is seen of it: the moment of its picture. */
  readonly at: number;
}

/** One answer: it tells all of [start, end). */
export interface Found extends Span {
  readonly sightings: readonly Sighting[];
  readonly more: boolean;
  /** Footage of which nobody knows whether something happened. */
  readonly unmeasured: readonly Span[];
}

export const SEARCH_LONGEST = 31 * DAY;
/** Going to one means seeing what happened just before. */
export const LEAD = 3 * SECOND;
const PAGE = 100;
const NEAR_NOW = 2 * MINUTE;
/** Half a second: of a second with motion in it, its middle. */
const MIDDLE = SECOND / 2;

interface ToldSpan {
  readonly start: string;
  readonly end: string;
}
interface ToldEvent extends ToldSpan {
  readonly id: number;
  readonly kind: string;
  readonly detail: string;
  readonly lasts: boolean;
}
interface Told extends ToldSpan {
  readonly spans: readonly (ToldSpan & { readonly peak: number; readonly at: string })[];
  readonly events: readonly ToldEvent[];
  readonly unknown: readonly ToldSpan[] | null;
  readonly more: boolean;
}

export class SightingsApi {
  readonly #asking: Asking;

  constructor(asking: Asking) {
    this.#asking = asking;
  }

  /** As much from `wanted.start` on as one answer holds. */
  async find(camera: string, wanted: Wanted, signal: AbortSignal): Promise<Found> {
    const query = new URLSearchParams({
      start: formatInstant(wanted.start),
      end: formatInstant(wanted.end),
      above: String(ABOVE[wanted.sensitivity]),
      limit: String(PAGE),
      unknown: 'true',
    });
    for (const teller of wanted.tellers) query.append('events', teller);
    const path = `/api/cameras/${encodeURIComponent(camera)}/activity?${query.toString()}`;
    return foundOf(await this.#asking.get<Told>(path, signal));
  }
}

function spanOf({ start, end }: ToldSpan): Span {
  return { start: parseInstant(start), end: parseInstant(end) };
}

function ofEvent(event: ToldEvent): Sighting {
  const span = spanOf(event);
  const { kind, detail, lasts } = event;
  const of = kind !== 'motion' ? 'other' : detail === '' ? 'camera' : 'zones';
  const at = span.start + Math.min(MIDDLE, (span.end - span.start) / 2);
  return { ...span, key: `event ${event.id}`, of, kind, detail, lasts, peak: null, at };
}

/** The server's answer as it is listed. */
export function foundOf(told: Told): Found {
  const active = told.spans.map((one): Sighting => {
    const span = spanOf(one);
    const at = Math.min(parseInstant(one.at) + MIDDLE, (parseInstant(one.at) + span.end) / 2);
    return { ...span, key: `activity ${one.start}`, of: 'activity', kind: '', detail: '', lasts: false, peak: one.peak, at };
  });
  return {
    ...spanOf(told),
    sightings: inOrder([...active, ...told.events.map(ofEvent)]),
    more: told.more,
    unmeasured: (told.unknown ?? []).map(spanOf),
  };
}

function inOrder(sightings: readonly Sighting[]): Sighting[] {
  return [...sightings].sort((a, b) => a.start - b.start || a.end - b.end || (a.key < b.key ? -1 : 1));
}

/** Those listed with those of the next answer: what the border between cut or told twice is one again. */
export function joined(known: readonly Sighting[], next: readonly Sighting[]): Sighting[] {
  const all = new Map(known.map((one) => [one.key, one]));
  for (const one of next) {
    const touching = one.of === 'activity' ? known.findLast((other) => other.of === 'activity') : undefined;
    // What we asked for began on the millisecond before; others lie seconds apart.
    if (touching === undefined || one.start > touching.end) {
      all.set(one.key, one);
      continue;
    }
    const stronger = (touching.peak ?? 0) >= (one.peak ?? 0) ? touching : one;
    all.set(touching.key, { ...touching, end: one.end, peak: stronger.peak, at: stronger.at });
  }
  return inOrder([...all.values()]);
}

/** Spans of answers that follow each other: those that touch are one. */
export function touchingAsOne(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans) {
    const last = merged.at(-1);
    if (last !== undefined && span.start <= last.end) merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    else merged.push(span);
  }
  return merged;
}

/** How strong, in five steps: a bar has a shape for it, and a number beside. */
export function strength(peak: number): number {
  return Math.min(5, Math.max(1, Math.ceil((peak / LEVEL_MAX) * 5)));
}

/** What to search at first: between the marks, else what the timeline shows, up to now. */
export function stretchOf(marks: Marks, shown: Span, now: number): Span {
  const marked = markedSpan(marks);
  if (marked !== null && marked.start < now) return { start: marked.start, end: Math.min(marked.end, now) };
  const end = Math.max(Math.min(shown.end, now), Math.min(shown.start, now) + SECOND);
  return whole({ start: Math.max(Math.min(shown.start, now), end - SEARCH_LONGEST), end });
}

/** To whole seconds, outwards: what a person would write. */
function whole({ start, end }: Span): Span {
  return { start: Math.floor(start / SECOND) * SECOND, end: Math.ceil(end / SECOND) * SECOND };
}

/** Why a stretch cannot be searched. */
export function wrongStretch(start: number, end: number, now: number): 'order' | 'future' | 'long' | null {
  if (end <= start) return 'order';
  if (start >= now) return 'future';
  return end - start > SEARCH_LONGEST ? 'long' : null;
}

/** Why nothing is known of a span: a gap's cause (`hidden` too), or one of ours. */
export interface Unknown extends Span {
  /** `unmeasured`: footage without levels; `fresh`: its file is still written; `nothing`: neither
   * footage nor a gap; else a gap's cause. */
  readonly why: string;
  readonly detail: string;
  /** Whether somebody wanted it so. */
  readonly calm: boolean;
}

/** What is not known of a searched stretch, in order. `slack`: how fine the timeline was asked for. */
export function unknowns(
  searched: Span,
  timeline: Pick<Timeline, 'spans' | 'gaps'>,
  unmeasured: readonly Span[],
  slack: number,
  now: number,
): Unknown[] {
  const end = Math.min(searched.end, now);
  const found = [
    ...unmeasured.map(
      (span): Unknown => ({ ...span, why: span.end > now - NEAR_NOW ? 'fresh' : 'unmeasured', detail: '', calm: true }),
    ),
    ...timeline.gaps.map((gap: Gap): Unknown => ({ ...gap, why: gap.cause, calm: isCalm(gap) })),
    ...holes({ start: searched.start, end }, [...timeline.spans, ...timeline.gaps], Math.max(slack, SECOND)),
  ];
  return found
    .map((one) => ({ ...one, start: Math.max(one.start, searched.start), end: Math.min(one.end, end) }))
    .filter((one) => one.end > one.start)
    .sort((a, b) => a.start - b.start || b.end - a.end);
}

function holes(span: Span, covered: readonly Span[], slack: number): Unknown[] {
  const found: Unknown[] = [];
  let at = span.start;
  for (const one of [...covered, { start: span.end, end: span.end }].sort((a, b) => a.start - b.start)) {
    const until = Math.min(one.start, span.end);
    if (until - at > slack) found.push({ start: at, end: until, why: 'nothing', detail: '', calm: true });
    at = Math.max(at, one.end);
  }
  return found;
}

/** How long altogether; what overlaps counts once. */
export function lengthOf(spans: readonly Span[]): number {
  return touchingAsOne([...spans].sort((a, b) => a.start - b.start)).reduce((sum, { start, end }) => sum + end - start, 0);
}

// A moment has no length to mark: so much on both sides of what is shorter.
const BESIDE = SECOND;

/** The marks around a sighting. */
export function marksOf({ start, end }: Span): Marks {
  const short = end - start < SECOND;
  return { in: Math.floor(short ? start - BESIDE : start), out: Math.ceil(short ? end + BESIDE : end) };
}
