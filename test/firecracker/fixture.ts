import { readFileSync } from 'node:fs';
import { isBefore, parseVersion } from '../../server/providers/firecracker/version.ts';

/** When a call is allowed: this is not in Firecracker's API file but in its documentation. */
type When = 'ALWAYS' | 'BEFORE_START' | 'BY_ACTION' | 'AFTER_START' | 'PAUSED' | 'FRESH';

/** One call that the provider makes, and with it all that a request or an answer may hold. */
export interface Call {
  readonly when: When;
  readonly status: number;
  readonly body?: string;
  readonly answer?: string;
}

/** A field of a body. */
export interface Field {
  readonly type: string;
  readonly values?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** The body that it holds, or that each of its items is. */
  readonly body?: string;
  readonly items?: string;
  /** The first release that knows it. */
  readonly since?: string;
}

/** A body: what must be in it, and all that may. */
export interface Body {
  readonly required: readonly string[];
  readonly fields: Readonly<Record<string, Field>>;
}

/** The part of Firecracker's API that the provider uses. */
export interface Fixture {
  /** The release whose API file it was compared with. */
  readonly release: string;
  readonly snapshotFormats: Readonly<Record<string, string>>;
  readonly calls: Readonly<Record<string, Call>>;
  readonly bodies: Readonly<Record<string, Body>>;
}

/** The calls as they are committed here. */
export const FIXTURE = JSON.parse(
  readFileSync(new URL('./api.json', import.meta.url), 'utf8'),
) as Fixture;

/** Whether a release knows a field. */
export function knows(release: string, field: Field): boolean {
  const version = parseVersion(`${release}${release.split('.').length === 2 ? '.0' : ''}`);
  return field.since === undefined || version === null || !isBefore(version, field.since);
}

/** What is wrong with a body in a release, in Firecracker's manner; null when nothing is. */
export function faultOfBody(release: string, name: string, value: unknown): string | null {
  const body = FIXTURE.bodies[name];
  if (body === undefined) return `there is no body ${name}`;
  if (!isObject(value)) return `invalid type: expected struct ${name}`;
  for (const [key, given] of Object.entries(value)) {
    const field = Object.hasOwn(body.fields, key) ? body.fields[key] : undefined;
    if (field === undefined || !knows(release, field)) return `unknown field \`${key}\``;
    const fault = faultOfField(release, key, field, given);
    if (fault !== null) return fault;
  }
  const absent = body.required.find((key) => !Object.hasOwn(value, key));
  return absent === undefined ? null : `missing field \`${absent}\``;
}

function faultOfField(release: string, key: string, field: Field, value: unknown): string | null {
  if (!isOfType(field.type, value)) return `invalid type of \`${key}\`: expected ${field.type}`;
  if (field.values !== undefined && !field.values.some((known) => known === value)) {
    return `unknown variant \`${String(value)}\` of \`${key}\``;
  }
  if (typeof value === 'number') {
    const isInRange = value >= (field.min ?? 0) && value <= (field.max ?? Infinity);
    if (!isInRange) return `invalid value of \`${key}\`: ${value}`;
  }
  if (field.body !== undefined) return faultOfBody(release, field.body, value);
  if (field.items === undefined || !Array.isArray(value)) return null;
  const name = field.items;
  return value.map((item) => faultOfBody(release, name, item)).find(Boolean) ?? null;
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    default:
      return typeof value === type;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
