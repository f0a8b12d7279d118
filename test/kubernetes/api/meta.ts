import type { World } from '../../../server/world.ts';
import type { Cause, Kind, NewObject, ObjectMeta } from '../ports.ts';
import { fieldsOf } from './fields.ts';
import { invalid } from './refusals.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** Kinds whose names become host names. */
const LABEL_NAMED = new Set(['Namespace', 'Service']);

/** The time as objects carry it. */
export function timestamp(world: World): string {
  return `${new Date(world.now()).toISOString().slice(0, 19)}Z`;
}

/** A new object's metadata: what a writer may say, and what the server adds. */
export function newMeta(
  world: World,
  kind: Kind,
  given: NewObject['metadata'],
  hasSpec: boolean,
): ObjectMeta {
  const { generateName, namespace, labels, annotations, finalizers, ownerReferences } = given;
  const name = given.name || (generateName ? generateName + ending(world) : '');
  return {
    name,
    ...(generateName && { generateName }),
    ...(kind.namespaced && { namespace: namespace ?? 'default' }),
    uid: newUid(world),
    resourceVersion: '',
    creationTimestamp: timestamp(world),
    ...(hasSpec && { generation: 1 }),
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(finalizers?.length && { finalizers }),
    ...(ownerReferences?.length && { ownerReferences }),
  };
}

/** Refuses names and labels that are not legal. */
export function refuseBadMeta(kind: Kind, metadata: ObjectMeta): void {
  const causes = [...nameCauses(kind, metadata.name), ...labelCauses(metadata.labels)];
  if (causes.length > 0) throw invalid(kind, metadata.name, causes);
}

function nameCauses(kind: Kind, name: string): Cause[] {
  const field = 'metadata.name';
  if (name === '') {
    const message = 'Required value: name or generateName is required';
    return [{ reason: 'FieldValueRequired', message, field }];
  }
  const isHost = LABEL_NAMED.has(kind.kind);
  const isLegal = isHost
    ? LABEL.test(name) && name.length <= 63
    : SUBDOMAIN.test(name) && name.length <= 253;
  if (isLegal) return [];
  const what = `a lowercase RFC 1123 ${isHost ? 'label' : 'subdomain'}`;
  const letters = `lower case alphanumeric characters, '-'${isHost ? '' : " or '.'"}`;
  const must = `${what} must consist of ${letters}, and must start and end with an alphanumeric`;
  const message = `Invalid value: "${name}": ${must} character`;
  return [{ reason: 'FieldValueInvalid', message, field }];
}

function labelCauses(labels: unknown): Cause[] {
  return Object.values(fieldsOf(labels)).flatMap((value): Cause[] => {
    if (typeof value === 'string' && VALUE.test(value) && value.length <= 63) return [];
    const must = 'a valid label must be at most 63 characters of letters, digits, "-", "_", "."';
    const message = `Invalid value: ${JSON.stringify(value)}: ${must}`;
    return [{ reason: 'FieldValueInvalid', message, field: 'metadata.labels' }];
  });
}

function ending(world: World): string {
  const letter = () => LETTERS[Math.floor(world.random() * LETTERS.length)] ?? 'x';
  return Array.from({ length: 5 }, letter).join('');
}

function newUid(world: World): string {
  const id = world.newId();
  const ends = [8, 12, 16, 20, 32];
  return ends.map((end, index) => id.slice(ends[index - 1] ?? 0, end)).join('-');
}
