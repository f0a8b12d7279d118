import { FIXTURE, type Body, type Field, type Fixture, knows } from './fixture.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * Where the committed calls and Firecracker's own API file, read from its YAML, do not say the
 * same: one line for each difference.
 */
export function compareWithApi(api: unknown, fixture: Fixture = FIXTURE): string[] {
  const root = object(api);
  const told = String(object(root['info'])['version']);
  const version = told === fixture.release ? [] : [`release: ${fixture.release}, not ${told}`];
  const calls = Object.keys(fixture.calls).flatMap((call) => compareCall(root, fixture, call));
  const bodies = Object.keys(fixture.bodies).flatMap((name) => compareBody(root, fixture, name));
  return [...version, ...calls, ...bodies];
}

function compareCall(root: Json, fixture: Fixture, call: string): string[] {
  const [method = '', path = ''] = call.split(' ');
  const operation = object(object(object(root['paths'])[path])[method.toLowerCase()]);
  const ours = fixture.calls[call];
  if (ours === undefined || Object.keys(operation).length === 0) return [`${call}: no such call`];
  const answers = object(operation['responses']);
  const { status, answer } = ours;
  const taken = list(operation['parameters']).find((each) => object(each)['in'] === 'body');
  const lines: [what: string, ours: unknown, theirs: unknown][] = [
    ['body', ours.body, nameOf(object(object(taken)['schema']))],
    ['answer', answer, nameOf(object(object(answers[status])['schema']))],
    ['status', true, Object.keys(answers).includes(String(status))],
  ];
  return lines.flatMap(([what, one, other]) => difference(`${call}: ${what}`, one, other));
}

function compareBody(root: Json, fixture: Fixture, name: string): string[] {
  const theirs = definition(root, name);
  const ours = fixture.bodies[name];
  if (ours === undefined || Object.keys(theirs).length === 0) return [`${name}: no such body`];
  const fields = object(theirs['properties']);
  const known = fieldsOf(fixture, ours);
  const names = [...new Set([...Object.keys(fields), ...known.map(([key]) => key)])];
  const required = list(theirs['required']).map(String).toSorted();
  return [
    ...difference(`${name}: required`, ours.required.toSorted(), required),
    ...names.flatMap((key) => {
      const field = known.find(([each]) => each === key)?.[1];
      const label = `${name}.${key}`;
      if (field === undefined) return [`${label}: it is not in the fixture`];
      if (!Object.hasOwn(fields, key)) return [`${label}: there is no such field`];
      return compareField(root, label, field, object(fields[key]));
    }),
  ];
}

function compareField(root: Json, label: string, ours: Field, given: Json): string[] {
  const target = nameOf(given);
  const theirs = target === undefined ? given : definition(root, target);
  const lines: [what: string, ours: unknown, theirs: unknown][] = [
    ['type', ours.type, theirs['type']],
    ['values', ours.values, theirs['enum']],
    ['minimum', ours.min, given['minimum']],
    ['maximum', ours.max, given['maximum']],
    ['items', ours.items, nameOf(object(theirs['items']))],
  ];
  if (ours.body !== undefined) lines.push(['body', ours.body, target]);
  return lines.flatMap(([what, one, other]) => difference(`${label}: ${what}`, one, other));
}

/** What a later release has brought is not in the file of this one. */
function fieldsOf(fixture: Fixture, body: Body): [string, Field][] {
  return Object.entries(body.fields).filter(([, field]) => knows(fixture.release, field));
}

function difference(label: string, ours: unknown, theirs: unknown): string[] {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return [];
  return [`${label}: ${JSON.stringify(ours)}, not ${JSON.stringify(theirs)}`];
}

function definition(root: Json, name: string): Json {
  return object(object(root['definitions'])[name]);
}

function nameOf(schema: Json): string | undefined {
  const reference = schema['$ref'];
  return typeof reference === 'string' ? reference.split('/').at(-1) : undefined;
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
