import { decodeGlobalID, encodeGlobalID } from '@pothos/plugin-relay';
import { NotFound } from './model/refusal.ts';

/** The types that have ids, with what people call them. */
const NODE_WORDS = {
  ClusterPool: 'pool',
  Cluster: 'cluster',
  Session: 'session',
  VmHandle: 'VM',
  Snapshot: 'snapshot',
  Job: 'job',
  Image: 'image',
  Template: 'template',
} as const;

/** The name of a type that has ids. */
export type NodeName = keyof typeof NODE_WORDS;

/** The id that clients know a row by. */
export function globalId(name: NodeName, id: string): string {
  return encodeGlobalID(name, id);
}

/** The type and database id behind a global id; undefined for a text that is none of ours. */
export function parseGlobalId(text: string): { name: NodeName; id: string } | undefined {
  try {
    const { typename, id } = decodeGlobalID(text);
    return isNodeName(typename) ? { name: typename, id } : undefined;
  } catch {
    return undefined;
  }
}

/** The database id behind a global id of this type; undefined for any other text. */
export function databaseId(name: NodeName, text: string): string | undefined {
  const parsed = parseGlobalId(text);
  return parsed?.name === name ? parsed.id : undefined;
}

/** The database id behind a global id of this type; any other text is the id of nothing. */
export function wantedId(name: NodeName, text: string): string {
  const id = databaseId(name, text);
  if (id === undefined) throw new NotFound(NODE_WORDS[name]);
  return id;
}

/** An input that may name a snapshot, with that snapshot's database id. */
export function withSnapshot<Input extends { snapshotId?: string | null | undefined }>(
  input: Input,
): Input {
  const { snapshotId } = input;
  return snapshotId == null ? input : { ...input, snapshotId: wantedId('Snapshot', snapshotId) };
}

function isNodeName(name: string): name is NodeName {
  return Object.hasOwn(NODE_WORDS, name);
}
