import type { Cause } from '../ports.ts';
import { invalid, required } from './causes.ts';
import type { DataVolumeTemplate, Vm } from './shapes.ts';

/** What is wrong with the disks that a VM brings along. */
export function dataVolumeTemplateCauses(vm: Vm): Cause[] {
  return (vm.spec.dataVolumeTemplates ?? []).flatMap((template, index) =>
    templateCauses(vm, template, `spec.dataVolumeTemplate[${index}]`),
  );
}

function templateCauses(vm: Vm, template: DataVolumeTemplate, at: string): Cause[] {
  const { name, namespace } = template.metadata;
  const { pvc, storage, source, sourceRef } = template.spec;
  if (!name) return [required(`${at}.name`, `'name' field must not be empty for ${at}.`)];
  if (namespace !== undefined && namespace !== vm.metadata.namespace) {
    const message = `Embedded DataVolume namespace ${namespace} differs from VM namespace`;
    return [invalid(`${at}.namespace`, message)];
  }
  if (pvc === undefined && storage === undefined) {
    return [required(at, 'Missing Data volume PVC or Storage')];
  }
  if (pvc !== undefined && storage !== undefined) {
    return [
      invalid(at, 'Duplicate storage definition, both target storage and target pvc defined'),
    ];
  }
  const sources = [...Object.keys(source ?? {}), ...(sourceRef === undefined ? [] : ['ref'])];
  const isElsewhere = 'dataSource' in (pvc ?? storage ?? {});
  if (sources.length !== 1 && !(sources.length === 0 && isElsewhere)) {
    return [invalid(at, 'Data volume should have either Source or SourceRef, and only one')];
  }
  const volumes = vm.spec.template.spec.volumes ?? [];
  const isUsed = volumes.some(
    (volume) =>
      volume.dataVolume?.name === name || volume.persistentVolumeClaim?.claimName === name,
  );
  if (isUsed) return [];
  const where = "in VMI template's 'volumes' list";
  const message = `DataVolumeTemplate entry ${at} must be referenced ${where}`;
  return [required(at, message)];
}
