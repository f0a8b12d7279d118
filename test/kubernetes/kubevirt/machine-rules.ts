import { quantityOf } from '../quantity.ts';
import type { Cause } from '../ports.ts';
import { duplicate, invalid, required } from './causes.ts';
import { networkCauses } from './network-rules.ts';
import type { CloudInit, Disk, VmiSpec, Volume } from './shapes.ts';

/** Inline cloud-init data may be this many bytes long. */
const MOST_INLINE_BYTES = 2048;

/** What is wrong with what a machine is to be. VMs are asked a little less than instances. */
export function machineCauses(spec: VmiSpec, at: string, of: 'VM' | 'VMI'): Cause[] {
  return [
    ...memoryCauses(spec, at, of),
    ...diskCauses(spec, at),
    ...volumeCauses(spec, at, of),
    ...networkCauses(spec, at),
  ];
}

function memoryCauses({ domain }: VmiSpec, at: string, of: 'VM' | 'VMI'): Cause[] {
  const { requests, limits } = domain.resources ?? {};
  const field = `${at}.domain.resources.requests.memory`;
  const asked = requests?.['memory'];
  if (of === 'VMI' && asked === undefined && domain.memory?.guest === undefined) {
    return [required(`${at}.domain.memory.guest`, 'no memory requested')];
  }
  if (asked === undefined) return [];
  if (quantityOf(asked) < 1e6) {
    return [invalid(field, `${field} '${asked}': must be greater than or equal to 1M.`)];
  }
  const most = limits?.['memory'];
  if (most === undefined || quantityOf(most) >= quantityOf(asked)) return [];
  const limit = `${at}.domain.resources.limits.memory`;
  return [invalid(field, `${field} '${asked}' is greater than ${limit} '${most}'`)];
}

function diskCauses({ domain, volumes }: VmiSpec, at: string): Cause[] {
  const disks = domain.devices.disks ?? [];
  const path = `${at}.domain.devices.disks`;
  const orders = disks.flatMap(({ bootOrder }) => bootOrder ?? []);
  return disks.flatMap((disk, index) => {
    const one = `${path}[${index}]`;
    const same = disks.findIndex(({ name }) => name === disk.name);
    const isTwice = orders.filter((order) => order === disk.bootOrder).length > 1;
    return [
      ...(same === index
        ? []
        : [duplicate(`${one}.name`, `${path}[${same}] and ${one} must not have the same Name.`)]),
      ...(volumes?.some(({ name }) => name === disk.name) === true
        ? []
        : [invalid(`${one}.name`, `${one}.Name '${disk.name}' not found.`)]),
      ...(isTwice
        ? [invalid(`${one}.bootOrder`, `Boot order for ${one}.bootOrder already set.`)]
        : []),
      ...targetCauses(disk, one),
    ];
  });
}

function targetCauses(disk: Disk, at: string): Cause[] {
  const targets = [disk.disk, disk.lun, disk.cdrom].filter((target) => target !== undefined);
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(disk.name)) {
    return [invalid(`${at}.name`, `${at}.name must be a DNS label: '${disk.name}'`)];
  }
  if (targets.length > 1) return [invalid(at, `${at} can only have a single target type defined`)];
  const bus = targets[0]?.bus;
  if (bus === 'ide') return [invalid(`${at}.bus`, 'IDE bus is not supported')];
  if (disk.cdrom?.bus !== 'virtio') return [];
  return [invalid(`${at}.cdrom.bus`, 'Bus type virtio is invalid for CD-ROM device')];
}

function volumeCauses({ domain, volumes }: VmiSpec, at: string, of: 'VM' | 'VMI'): Cause[] {
  const all = volumes ?? [];
  return all.flatMap((volume, index) => {
    const one = `${at}.volumes[${index}]`;
    const same = all.findIndex(({ name }) => name === volume.name);
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    const isUsed = domain.devices.disks?.some(({ name }) => name === volume.name) === true;
    return [
      ...(same === index
        ? []
        : [
            duplicate(
              `${one}.name`,
              `${at}.volumes[${same}] and ${one} must not have the same Name.`,
            ),
          ]),
      ...(sources.length === 1 ? [] : [invalid(one, `${one} must have exactly one source type`)]),
      ...(of === 'VMI' && !isUsed
        ? [invalid(`${one}.name`, `${one}.name '${volume.name}' not found.`)]
        : []),
      ...sourceCauses(volume, one),
    ];
  });
}

function sourceCauses(volume: Volume, at: string): Cause[] {
  if (volume.dataVolume?.name === '') {
    return [required(`${at}.name`, "DataVolume 'name' must be set")];
  }
  return (['cloudInitNoCloud', 'cloudInitConfigDrive'] as const).flatMap((source) => {
    const data = volume[source];
    return data === undefined ? [] : cloudInitCauses(data, `${at}.${source}`);
  });
}

function cloudInitCauses(data: CloudInit, at: string): Cause[] {
  const texts = [
    ['userData', data.userData, false],
    ['userDataBase64', data.userDataBase64, true],
    ['networkData', data.networkData, false],
    ['networkDataBase64', data.networkDataBase64, true],
  ] as const;
  return texts.flatMap(([name, text, isEncoded]) => {
    if (text === undefined) return [];
    const field = `${at}.${name}`;
    if (isEncoded && !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
      return [invalid(field, `${field} is not a valid base64 value.`)];
    }
    const size = Buffer.from(text, isEncoded ? 'base64' : 'utf8').length;
    if (size <= MOST_INLINE_BYTES) return [];
    const limit = `exceeds ${MOST_INLINE_BYTES} byte limit`;
    return [invalid(field, `${field} ${limit}. Should use UserDataSecretRef for larger data.`)];
  });
}
