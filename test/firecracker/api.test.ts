import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { compareWithApi } from './compare.ts';
import { FIXTURE, type Field, faultOfBody, knows } from './fixture.ts';

const file = process.env['SNAPYARD_FIRECRACKER_API'] ?? '';
const isThere = existsSync(file);
if (!isThere) console.info('the calls were compared by hand: SNAPYARD_FIRECRACKER_API is not set');

test.runIf(isThere)(
  "the calls are those of Firecracker's own file (needs SNAPYARD_FIRECRACKER_API)",
  () => {
    expect(compareWithApi(parse(readFileSync(file, 'utf8')))).toEqual([]);
  },
);

/** An API file that says what the fixture says. */
function equalApi() {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [call, { body, answer, status }] of Object.entries(FIXTURE.calls)) {
    const [method = '', path = ''] = call.split(' ');
    const parameters = body === undefined ? [] : [{ in: 'body', schema: reference(body) }];
    const told = answer === undefined ? {} : { schema: reference(answer) };
    paths[path] = { [method.toLowerCase()]: { parameters, responses: { [status]: told } } };
  }
  const definitions: Record<string, { required: string[]; properties: Record<string, unknown> }> =
    {};
  for (const [name, { required, fields }] of Object.entries(FIXTURE.bodies)) {
    const known = Object.entries(fields).filter(([, field]) => knows(FIXTURE.release, field));
    const properties = Object.fromEntries(known.map(([key, field]) => [key, property(field)]));
    definitions[name] = { required: [...required], properties };
  }
  for (const name of ['MemoryBackend', 'VsockOverride']) {
    Object.assign(definitions[name] ?? {}, { type: 'object' });
  }
  return { info: { version: FIXTURE.release }, paths, definitions };
}

function reference(name: string) {
  return { $ref: `#/definitions/${name}` };
}

function property({ type, values, min, max, body, items }: Field): Record<string, unknown> {
  if (body !== undefined) return reference(body);
  return {
    type,
    ...(values === undefined ? {} : { enum: values }),
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    ...(items === undefined ? {} : { items: reference(items) }),
  };
}

describe('a difference between the calls and an API file is found', () => {
  test('and none where there is none', () => {
    expect(compareWithApi(equalApi())).toEqual([]);
  });

  const own = (api: Api, name: string) => api.definitions[name]?.properties ?? {};
  type Api = ReturnType<typeof equalApi>;
  const STRING = { type: 'string' };
  const load = (api: Api) => api.definitions['SnapshotLoadParams'];
  const planted: readonly [string, (api: Api) => unknown][] = [
    ['release: 1', (api) => (api.info.version = '1.18.0')],
    ['PUT /vsock: no such call', (api) => delete api.paths['/vsock']],
    ['PATCH /vm: body', (api) => (api.paths['/vm'] = { patch: { responses: { 204: {} } } })],
    ['Vsock.colour: it is not', (api) => (own(api, 'Vsock')['colour'] = {})],
    ['SnapshotLoadParams.clock_realtime', (api) => delete load(api)?.properties['clock_realtime']],
    ['SnapshotLoadParams: required', (api) => load(api)?.required.push('resume_vm')],
    ['Vm.state: values', (api) => (own(api, 'Vm')['state'] = STRING)],
    ['Vsock.guest_cid: type', (api) => (own(api, 'Vsock')['guest_cid'] = STRING)],
  ];

  test.each(planted)('%s', (line, plant) => {
    const api = equalApi();
    plant(api);
    expect(compareWithApi(api).join('\n')).toContain(line);
  });
});

describe('bodies are closed', () => {
  const load = { snapshot_path: 's', mem_backend: { backend_type: 'File', backend_path: 'm' } };

  test.each([
    ['1.12.0', {}, null],
    ['1.12.0', { track_dirty_pages: true }, 'unknown field `track_dirty_pages`'],
    ['1.13.0', { track_dirty_pages: true }, null],
    ['1.15.0', { clock_realtime: true }, 'unknown field `clock_realtime`'],
    ['1.15.1', { clock_realtime: true }, null],
    ['1.15.1', { vsock_override: { uds_path: 'x' } }, 'unknown field `vsock_override`'],
    ['1.16.0', { vsock_override: { uds_path: 'x' } }, null],
    ['1.16.1', { vsock_override: {} }, 'missing field `uds_path`'],
    ['1.16.1', { huge_pages: 'None' }, 'unknown field `huge_pages`'],
    ['1.17.0', { huge_pages: 'None' }, null],
    ['1.16.1', { resume_vm: 'no' }, 'invalid type of `resume_vm`'],
    ['1.16.1', { mem_backend: { backend_type: 'Tape', backend_path: 'm' } }, 'unknown variant'],
  ])('%s, %o', (release, more, fault) => {
    const found = faultOfBody(release, 'SnapshotLoadParams', { ...load, ...more });
    if (fault === null) expect(found).toBeNull();
    else expect(found).toContain(fault);
  });
});
