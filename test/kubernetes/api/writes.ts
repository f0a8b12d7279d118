import { ApiError, type Kind, type KubeObject, type ObjectMeta } from '../ports.ts';
import { type Fields, fieldsOf, isFields, listOf, textOf, without } from './fields.ts';
import type { KeptObjects } from './kept-objects.ts';
import { apiVersionOf, isCustom } from './kinds.ts';
import { refuseBadMeta } from './meta.ts';
import { APPLY, patched } from './patch.ts';
import { badRequest, conflict, invalid, MODIFIED, notFound } from './refusals.ts';
import { checkObject } from './schema.ts';
import type { Target } from './target.ts';

/** A write as a client asks for it. */
export interface Write {
  readonly target: Target;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly contentType: string;
  readonly user: string;
}

/** What a write leads to. */
export interface Written {
  readonly status: number;
  readonly object: KubeObject;
  readonly warnings: readonly string[];
}

/** Creates an object. */
export function create(objects: KeptObjects, write: Write): Written {
  const { kind, namespace } = write.target;
  const { fields, warnings } = taken(write, fieldsOf(write.body));
  const metadata = fieldsOf(fields['metadata']);
  if (textOf(metadata['resourceVersion'])) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  const content = without(fields, 'metadata', ...(kind.hasStatus ? ['status'] : []));
  const meta = { ...metadata, ...(namespace !== undefined && { namespace }) };
  const shaped = objects.shape(kind.kind, { ...content, metadata: meta });
  refuseBadMeta(kind, shaped.metadata);
  const admitted = admit(kind, 'CREATE', shaped, undefined, write.user);
  objects.refuseCreation(admitted);
  const object = isDry(write) ? admitted : objects.put(admitted);
  return { status: 201, object, warnings };
}

/** Replaces an object, or only its status. */
export function replace(objects: KeptObjects, write: Write): Written {
  const before = existing(objects, write.target);
  return { ...changed(objects, write, before, fieldsOf(write.body)), status: 200 };
}

/** Changes some of an object; an apply creates it where it is missing. */
export function patch(objects: KeptObjects, write: Write): Written {
  const { kind, version, namespace, name = '' } = write.target;
  const isMissing = objects.get(kind.kind, namespace, name) === undefined;
  if (isMissing && write.contentType === APPLY) return create(objects, write);
  const before = existing(objects, write.target);
  const seen = { ...before, apiVersion: apiVersionOf(kind, version) };
  const body = patched(kind, seen, write.contentType, write.body);
  return { ...changed(objects, write, before, body), status: 200 };
}

/** The object that a request names. */
export function existing(objects: KeptObjects, target: Target): KubeObject {
  const { kind, namespace, name = '' } = target;
  const object = objects.get(kind.kind, namespace, name);
  if (object === undefined) throw notFound(kind, name);
  return object;
}

/** Asks the kind whether a write may be; a deletion changes nothing. */
export function admit(
  kind: Kind,
  operation: 'CREATE' | 'UPDATE' | 'DELETE',
  object: KubeObject,
  before: KubeObject | undefined,
  user: string,
): KubeObject {
  return kind.admit?.({ operation, object, before, user }) ?? object;
}

/** Whether the client only wants to know what would happen. */
export function isDry({ query, body }: Pick<Write, 'query' | 'body'>): boolean {
  const asked = [query.get('dryRun'), ...listOf(fieldsOf(body)['dryRun'])];
  return asked.includes('All');
}

function changed(objects: KeptObjects, write: Write, before: KubeObject, body: Fields) {
  const { kind, subresource } = write.target;
  const { fields, warnings } = taken(write, body);
  const given = fieldsOf(fields['metadata']);
  refuseStale(kind, before, given, write);
  const metadata = nextMeta(kind, before.metadata, given);
  const next = { ...fields, apiVersion: before.apiVersion, kind: before.kind, metadata };
  const candidate = combined(kind, subresource, before, next);
  const wanted =
    subresource === undefined ? admit(kind, 'UPDATE', candidate, before, write.user) : candidate;
  const object = isDry(write) ? wanted : (objects.update(before, () => wanted) ?? wanted);
  return { object, warnings };
}

/** The part of the object that this write may change, with the rest as it was. */
function combined(
  kind: Kind,
  subresource: string | undefined,
  before: KubeObject,
  next: KubeObject,
): KubeObject {
  if (subresource === 'status') return withStatus(before, next.status);
  if (subresource === 'finalize') return { ...before, spec: next.spec };
  refuseBadMeta(kind, next.metadata);
  return kind.hasStatus ? withStatus(next, before.status) : next;
}

function withStatus(object: KubeObject, status: unknown): KubeObject {
  const { status: _status, ...rest } = object;
  return status === undefined ? rest : { ...rest, status };
}

/** The body, checked against its address and its schema. */
function taken(write: Write, body: Fields): { fields: Fields; warnings: readonly string[] } {
  const { kind, version, namespace, name } = write.target;
  if (!isFields(write.body) && !Array.isArray(write.body)) {
    throw badRequest('the object provided is unrecognized: it must be a JSON object');
  }
  const wanted = apiVersionOf(kind, version);
  const { apiVersion = wanted, kind: given = kind.kind } = body;
  if (apiVersion !== wanted || given !== kind.kind) {
    const found = `the API version in the data (${String(apiVersion)}, Kind=${String(given)})`;
    throw badRequest(`${found} does not match the expected one (${wanted}, Kind=${kind.kind})`);
  }
  const metadata = fieldsOf(body['metadata']);
  const space = metadata['namespace'];
  if (kind.namespaced && textOf(space) && space !== namespace) {
    const said = 'the namespace of the provided object does not match the namespace sent';
    throw badRequest(`${said} on the request`);
  }
  if (name !== undefined && textOf(metadata['name']) && metadata['name'] !== name) {
    const said = `the name of the object (${String(metadata['name'])})`;
    throw badRequest(`${said} does not match the name on the URL (${name})`);
  }
  return checked(write, body);
}

/** Drops or refuses unknown fields, as the client asked, and refuses wrong ones. */
function checked({ target: { kind, version }, query }: Write, body: Fields) {
  const { pruned, unknown, causes } = checkObject(body, kind.schema);
  const found = unknown.map((path) => `unknown field "${path}"`);
  // Without a word the real server warns, and drops.
  const mode = query.get('fieldValidation') || 'Warn';
  if (mode === 'Strict' && found.length > 0) {
    const as = `${kind.kind} in version "${version}" cannot be handled as a ${kind.kind}`;
    throw badRequest(`${as}: strict decoding error: ${found.join(', ')}`);
  }
  const name = textOf(fieldsOf(body['metadata'])['name']) ?? '';
  if (causes.length > 0) throw invalid(kind, name, causes);
  return { fields: pruned, warnings: mode === 'Warn' ? found : [] };
}

function refuseStale(kind: Kind, before: KubeObject, given: Fields, write: Write): void {
  const { name, resourceVersion, uid } = before.metadata;
  const asked = textOf(given['resourceVersion']) ?? '';
  if (asked !== '' && asked !== resourceVersion) throw conflict(kind, name, MODIFIED);
  if (textOf(given['uid']) && given['uid'] !== uid) {
    const why = `UID in precondition: ${String(given['uid'])}, UID in object meta: ${uid}`;
    throw conflict(kind, name, `Precondition failed: ${why}`);
  }
  const isReplaced = isFields(write.body) && !write.contentType.includes('patch');
  if (asked !== '' || !isReplaced || !isCustom(kind)) return;
  const message = 'Invalid value: 0: must be specified for an update';
  const field = 'metadata.resourceVersion';
  throw invalid(kind, name, [{ reason: 'FieldValueInvalid', message, field }]);
}

/** Labels, annotations, finalizers and owners are the writer's; the rest is the server's. */
function nextMeta(kind: Kind, before: ObjectMeta, given: Fields): ObjectMeta {
  const { labels: _l, annotations: _a, finalizers = [], ownerReferences: _o, ...kept } = before;
  const wanted = listOf(given['finalizers']).map(String);
  if (before.deletionTimestamp !== undefined && wanted.some((one) => !finalizers.includes(one))) {
    const message = 'Forbidden: no new finalizers can be added if the object is being deleted';
    const field = 'metadata.finalizers';
    throw invalid(kind, before.name, [{ reason: 'FieldValueForbidden', message, field }]);
  }
  const labels = given['labels'] as ObjectMeta['labels'];
  const annotations = given['annotations'] as ObjectMeta['annotations'];
  const owners = listOf(given['ownerReferences']) as ObjectMeta['ownerReferences'];
  return {
    ...kept,
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(wanted.length > 0 && { finalizers: wanted }),
    ...(owners?.length && { ownerReferences: owners }),
  };
}

/** Refuses a kind that can only be looked at. */
export function methodNotAllowed(): ApiError {
  const message = 'the server does not allow this method on the requested resource';
  return new ApiError(405, 'MethodNotAllowed', message);
}
