import type { Disks } from '../ports.ts';

/** What the agent says of the system on a disk, in the words of `guestosinfo`. */
export function guestOsInfo(disks: Disks, volume: string): Record<string, unknown> {
  const files = disks.files(volume);
  const release = new Map(
    (files.get('/etc/os-release') ?? '').split('\n').map((line) => {
      const [name = '', ...value] = line.split('=');
      return [name, value.join('=').replaceAll('"', '')] as const;
    }),
  );
  return {
    guestAgentVersion: '6.2.0',
    hostname: (files.get('/etc/hostname') ?? '').trim(),
    os: {
      id: release.get('ID') ?? '',
      name: release.get('NAME') ?? '',
      prettyName: release.get('PRETTY_NAME') ?? '',
      versionId: release.get('VERSION_ID') ?? '',
      kernelRelease: '5.15.0-100-generic',
      machine: 'x86_64',
    },
    timezone: 'UTC, 0',
  };
}
