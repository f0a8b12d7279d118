import type { Clone, MachineCopy } from './shapes.ts';

const INTERFACES = '/spec/template/spec/domain/devices/interfaces';

/** The patches by which a restore makes the copy of a machine another one. */
export function clonePatches({ spec }: Clone, source: MachineCopy): string[] {
  const { domain } = source.spec.template.spec;
  const interfaces = domain?.devices?.interfaces ?? [];
  const macs = interfaces.flatMap((each, index) => {
    const given = spec.newMacAddresses?.[String(each['name'])];
    const hasOwn = each['macAddress'] !== undefined;
    if (given === undefined && !hasOwn) return [];
    return [operation('replace', `${INTERFACES}/${index}/macAddress`, given ?? '')];
  });
  const firmware = domain?.firmware;
  const uuid = firmware === undefined ? [] : [operation('replace', `${FIRMWARE}/uuid`, '')];
  const serial =
    spec.newSMBiosSerial === undefined
      ? []
      : [operation('replace', `${FIRMWARE}/serial`, spec.newSMBiosSerial)];
  return [
    ...macs,
    ...(firmware === undefined && serial.length > 0 ? [] : serial),
    ...uuid,
    ...dropped('/metadata/labels', source.metadata.labels, spec.labelFilters),
    ...dropped('/metadata/annotations', source.metadata.annotations, spec.annotationFilters),
    ...(spec.patches ?? []),
  ];
}

const FIRMWARE = '/spec/template/spec/domain/firmware';

/** Patches take away what no filter lets through. */
function dropped(
  path: string,
  has: Readonly<Record<string, string>> | undefined,
  filters: readonly string[] | undefined,
): string[] {
  if (filters === undefined) return [];
  return Object.keys(has ?? {})
    .filter((key) => !passes(key, filters))
    .map((key) => `{"op": "remove", "path": "${path}/${key.replaceAll('/', '~1')}"}`);
}

function passes(key: string, filters: readonly string[]): boolean {
  const fits = (filter: string) =>
    filter.endsWith('*') ? key.startsWith(filter.slice(0, -1)) : key === filter;
  const against = filters.filter((filter) => filter.startsWith('!'));
  if (against.some((filter) => fits(filter.slice(1)))) return false;
  const wanted = filters.filter((filter) => !filter.startsWith('!'));
  return wanted.length === 0 || wanted.some(fits);
}

function operation(op: string, path: string, value: string): string {
  return `{"op": "${op}", "path": "${path}", "value": "${value}"}`;
}
