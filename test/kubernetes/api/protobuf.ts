import { badRequest } from './refusals.ts';

/** What a field of a message is called, and what it holds. */
type Field = readonly [name: string, holds: Holds];
type Holds = 'text' | 'bytes' | 'flag' | Message | { readonly map: 'text' | 'bytes' | Message };
interface Message {
  readonly fields: Readonly<Record<number, Field>>;
}

const META: Message = {
  fields: {
    1: ['name', 'text'],
    2: ['generateName', 'text'],
    3: ['namespace', 'text'],
    11: ['labels', { map: 'text' }],
    12: ['annotations', { map: 'text' }],
  },
};
const QUANTITY: Message = { fields: { 1: ['string', 'text'] } };
const ATTRIBUTES: Message = {
  fields: {
    1: ['namespace', 'text'],
    2: ['verb', 'text'],
    3: ['group', 'text'],
    4: ['version', 'text'],
    5: ['resource', 'text'],
    6: ['subresource', 'text'],
    7: ['name', 'text'],
  },
};

/** The kinds that newer kubectl makes from its own words, and then sends in this form. */
const KINDS: Readonly<Record<string, Readonly<Record<number, Field>>>> = {
  Namespace: {},
  ServiceAccount: {},
  Secret: {
    2: ['data', { map: 'bytes' }],
    3: ['type', 'text'],
    4: ['stringData', { map: 'text' }],
    5: ['immutable', 'flag'],
  },
  ConfigMap: {
    2: ['data', { map: 'text' }],
    3: ['binaryData', { map: 'bytes' }],
    4: ['immutable', 'flag'],
  },
  ResourceQuota: { 2: ['spec', { fields: { 1: ['hard', { map: QUANTITY }] } }] },
  SelfSubjectAccessReview: { 2: ['spec', { fields: { 1: ['resourceAttributes', ATTRIBUTES] } }] },
  SelfSubjectRulesReview: { 2: ['spec', { fields: { 1: ['namespace', 'text'] } }] },
};

const MAGIC = Buffer.from('k8s\0');
const TYPE: Message = { fields: { 1: ['apiVersion', 'text'], 2: ['kind', 'text'] } };

/** Reads an object as Kubernetes writes it in protobuf; undefined for kinds that are not known. */
export function fromProtobuf(body: Buffer): unknown {
  if (!body.subarray(0, 4).equals(MAGIC)) throw badRequest('the body is no protobuf');
  const parts = new Map(
    [...fieldsIn(body.subarray(4))].map(({ number, bytes }) => [number, bytes]),
  );
  const type = read(TYPE, parts.get(1) ?? Buffer.alloc(0));
  const fields = KINDS[type['kind'] as string];
  if (fields === undefined) return undefined;
  const object: Message = { fields: { 1: ['metadata', META], ...fields } };
  return { ...type, ...read(object, parts.get(2) ?? Buffer.alloc(0)) };
}

function read({ fields }: Message, bytes: Buffer): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const { number, bytes: inner, value } of fieldsIn(bytes)) {
    const [name, holds] = fields[number] ?? [];
    if (name === undefined || holds === undefined) continue;
    if (typeof holds === 'object' && 'map' in holds) {
      const entry = read({ fields: { 1: ['key', 'text'], 2: ['value', holds.map] } }, inner);
      const map = { ...(object[name] as object | undefined) };
      object[name] = { ...map, [entry['key'] as string]: entry['value'] ?? '' };
    } else {
      const one = held(holds, inner, value);
      if (one !== '') object[name] = one;
    }
  }
  return object;
}

function held(holds: Exclude<Holds, { map: unknown }>, bytes: Buffer, value: number): unknown {
  if (holds === 'flag') return value === 1;
  if (holds === 'text') return bytes.toString();
  if (holds === 'bytes') return bytes.toString('base64');
  const inner = read(holds, bytes);
  return holds === QUANTITY ? inner['string'] : inner;
}

/** The fields of a message: its number, and its number or bytes. */
function* fieldsIn(
  bytes: Buffer,
): Generator<{ readonly number: number; readonly bytes: Buffer; readonly value: number }> {
  let offset = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[offset++];
      if (byte === undefined || shift > 49) throw badRequest('the protobuf ends too early');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (offset < bytes.length) {
    const tag = varint();
    const [number, wire] = [tag >> 3, tag & 7];
    if (wire === 0) yield { number, bytes: Buffer.alloc(0), value: varint() };
    else if (wire === 2) {
      const length = varint();
      const inner = bytes.subarray(offset, offset + length);
      offset += length;
      yield { number, bytes: inner, value: 0 };
    } else throw badRequest(`the protobuf has a field of a wire type ${wire}`);
  }
}
