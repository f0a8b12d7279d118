import { isDeepStrictEqual } from 'node:util';
import type { Admission, KubeObject, NewObject } from '../ports.ts';
import { defaultClass } from './classes.ts';
import { defined, guarded, type Depot } from './depot.ts';
import { bytesOf } from './quantity.ts';
import { refuseInvalid } from './refusal.ts';
import type { Claim, ClaimSpec } from './shapes.ts';

/** Keeps a claim while something uses it. */
export const CLAIM_PROTECTION = 'kubernetes.io/pvc-protection';

const SIZE = 'spec.resources[storage]';
const IMMUTABLE =
  'Forbidden: spec is immutable after creation except resources.requests and ' +
  'volumeAttributesClassName for bound claims';

/** Admits a claim as the API server does: defaults, what it must say, what it may not change. */
export function admitClaim(depot: Depot, { operation, object, before }: Admission): KubeObject {
  const claim = object as Claim;
  if (operation === 'UPDATE') refuseChange(claim, before as Claim);
  if (operation !== 'CREATE') return object;
  const spec = filledSpec(depot, claim.spec);
  refuseUnsaid(claim.metadata.name, spec);
  return guarded({ ...claim, spec, status: { phase: 'Pending' } }, CLAIM_PROTECTION);
}

/** A claim that a controller makes: it gets what admission would give it. */
export function newClaim(depot: Depot, claim: NewObject & { readonly spec: ClaimSpec }): NewObject {
  return {
    ...claim,
    metadata: { ...claim.metadata, finalizers: [CLAIM_PROTECTION] },
    spec: filledSpec(depot, claim.spec),
    status: { phase: 'Pending' },
  };
}

function filledSpec(depot: Depot, spec: ClaimSpec | undefined): ClaimSpec {
  const source = spec?.dataSourceRef ?? spec?.dataSource;
  const { namespace: elsewhere, ...local } = source ?? { kind: '', name: '' };
  const isLocal = source !== undefined && elsewhere === undefined;
  return defined({
    volumeMode: 'Filesystem',
    ...spec,
    storageClassName: spec?.storageClassName ?? defaultClass(depot)?.metadata.name,
    dataSource: spec?.dataSource ?? (isLocal ? local : undefined),
    dataSourceRef: source,
  }) as ClaimSpec;
}

function refuseUnsaid(name: string, spec: ClaimSpec): void {
  const refuse = (field: string, message: string) =>
    refuseInvalid('PersistentVolumeClaim', name, { reason: 'FieldValueRequired', field, message });
  if ((spec.accessModes ?? []).length === 0) {
    refuse('spec.accessModes', 'Required value: at least 1 access mode is required');
  }
  const size = spec.resources?.requests?.storage;
  if (size === undefined) refuse(SIZE, 'Required value');
  if (!((bytesOf(size) ?? 0) > 0)) {
    refuse(SIZE, `Invalid value: "${size ?? ''}": must be greater than zero`);
  }
}

function refuseChange(claim: Claim, before: Claim): void {
  const refuse = (field: string, message: string) =>
    refuseInvalid('PersistentVolumeClaim', claim.metadata.name, {
      reason: 'FieldValueForbidden',
      field,
      message,
    });
  if (!isDeepStrictEqual(unsized(claim), unsized(before))) refuse('spec', IMMUTABLE);
  const [asked, had] = [sizeOf(claim), sizeOf(before)];
  if (asked !== had && before.status?.phase !== 'Bound') refuse('spec', IMMUTABLE);
  if ((asked ?? 0) < (had ?? 0)) {
    refuse(
      'spec.resources.requests.storage',
      'Forbidden: field can not be less than status.capacity',
    );
  }
}

function unsized({ spec }: Claim): object {
  return { ...spec, resources: undefined };
}

function sizeOf({ spec }: Claim): number | undefined {
  return bytesOf(spec.resources?.requests?.storage);
}
