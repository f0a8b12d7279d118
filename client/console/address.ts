/** Which console an address asks for. */
export interface Address {
  readonly vmId: string;
  readonly kind: 'SERIAL' | 'VNC';
}

/** What people call a kind. */
export const KIND_WORDS = { SERIAL: 'serial console', VNC: 'screen' } as const;

/** What an address says that asks for none. */
export const NO_ADDRESS =
  'This address names no console. It needs the id of a VM and a kind: ?vm=…&kind=SERIAL or VNC.';

/** Reads `?vm=…&kind=…`; undefined where it does not name a console that a page can show. */
export function readAddress(search: string): Address | undefined {
  const parameters = new URLSearchParams(search);
  const vmId = parameters.get('vm') ?? '';
  const kind = (parameters.get('kind') ?? 'SERIAL').toUpperCase();
  if (vmId === '' || (kind !== 'SERIAL' && kind !== 'VNC')) return undefined;
  return { vmId, kind };
}
