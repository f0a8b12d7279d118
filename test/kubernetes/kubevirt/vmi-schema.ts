import type { Schema } from '../ports.ts';

type Fields = Readonly<Record<string, Schema>>;

export const TEXT: Schema = { type: 'string' };
export const WHOLE: Schema = { type: 'integer' };
export const TRUTH: Schema = { type: 'boolean' };
const AMOUNT: Schema = { type: 'quantity' };
export const OPEN: Schema = { type: 'any' };
const NOTHING: Schema = { type: 'object', fields: {} };

/** An object of exactly these fields. */
export function record(fields: Fields, required: readonly string[] = []): Schema {
  return { type: 'object', fields, required };
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

export const LABELS: Schema = { type: 'map', values: TEXT };

const ENABLED = record({ enabled: TRUTH });
const SECRET = record({ secret: record({ secretName: TEXT }, ['secretName']) });
const NAMED = record({ name: TEXT });

const PROBE = record({
  exec: record({ command: listOf(TEXT) }),
  httpGet: record({ host: TEXT, httpHeaders: listOf(OPEN), path: TEXT, port: OPEN, scheme: TEXT }, [
    'port',
  ]),
  tcpSocket: record({ host: TEXT, port: OPEN }, ['port']),
  guestAgentPing: NOTHING,
  failureThreshold: WHOLE,
  initialDelaySeconds: WHOLE,
  periodSeconds: WHOLE,
  successThreshold: WHOLE,
  timeoutSeconds: WHOLE,
});

const CLOUD_INIT = record({
  networkData: TEXT,
  networkDataBase64: TEXT,
  networkDataSecretRef: NAMED,
  secretRef: NAMED,
  userData: TEXT,
  userDataBase64: TEXT,
});

const CLAIM_FIELDS = { claimName: TEXT, hotpluggable: TRUTH, readOnly: TRUTH };

const VOLUME = record(
  {
    name: TEXT,
    cloudInitNoCloud: CLOUD_INIT,
    cloudInitConfigDrive: CLOUD_INIT,
    configMap: record({ name: TEXT, optional: TRUTH, volumeLabel: TEXT }),
    containerDisk: record(
      { image: TEXT, imagePullPolicy: TEXT, imagePullSecret: TEXT, path: TEXT },
      ['image'],
    ),
    dataVolume: record({ hotpluggable: TRUTH, name: TEXT }, ['name']),
    emptyDisk: record({ capacity: AMOUNT }, ['capacity']),
    ephemeral: record({
      persistentVolumeClaim: record({ claimName: TEXT, readOnly: TRUTH }, ['claimName']),
    }),
    persistentVolumeClaim: record(CLAIM_FIELDS, ['claimName']),
    secret: record({ optional: TRUTH, secretName: TEXT, volumeLabel: TEXT }),
    serviceAccount: record({ serviceAccountName: TEXT }),
  },
  ['name'],
);

const ON_BUS = { bus: TEXT, readonly: TRUTH };

const DISK = record(
  {
    name: TEXT,
    bootOrder: WHOLE,
    cache: TEXT,
    cdrom: record({ ...ON_BUS, tray: TEXT }),
    dedicatedIOThread: TRUTH,
    disk: record({ ...ON_BUS, pciAddress: TEXT }),
    errorPolicy: TEXT,
    io: TEXT,
    lun: record({ ...ON_BUS, reservation: TRUTH }),
    serial: TEXT,
    shareable: TRUTH,
    tag: TEXT,
  },
  ['name'],
);

const INTERFACE = record(
  {
    name: TEXT,
    acpiIndex: WHOLE,
    binding: record({ name: TEXT }, ['name']),
    bootOrder: WHOLE,
    bridge: NOTHING,
    macAddress: TEXT,
    masquerade: NOTHING,
    model: TEXT,
    pciAddress: TEXT,
    ports: listOf(record({ name: TEXT, port: WHOLE, protocol: TEXT }, ['port'])),
    sriov: NOTHING,
    state: TEXT,
    tag: TEXT,
  },
  ['name'],
);

const DEVICES = record({
  autoattachGraphicsDevice: TRUTH,
  autoattachInputDevice: TRUTH,
  autoattachMemBalloon: TRUTH,
  autoattachPodInterface: TRUTH,
  autoattachSerialConsole: TRUTH,
  blockMultiQueue: TRUTH,
  disableHotplug: TRUTH,
  disks: listOf(DISK),
  inputs: listOf(record({ bus: TEXT, name: TEXT, type: TEXT }, ['name', 'type'])),
  interfaces: listOf(INTERFACE),
  logSerialConsole: TRUTH,
  networkInterfaceMultiqueue: TRUTH,
  rng: NOTHING,
  tpm: record({ enabled: TRUTH, persistent: TRUTH }),
  watchdog: record({ i6300esb: record({ action: TEXT }), name: TEXT }, ['name']),
});

const CPU = record({
  cores: WHOLE,
  dedicatedCpuPlacement: TRUTH,
  features: listOf(record({ name: TEXT, policy: TEXT }, ['name'])),
  isolateEmulatorThread: TRUTH,
  maxSockets: WHOLE,
  model: TEXT,
  sockets: WHOLE,
  threads: WHOLE,
});

const FIRMWARE = record({
  bootloader: record({
    bios: record({ useSerial: TRUTH }),
    efi: record({ persistent: TRUTH, secureBoot: TRUTH }),
  }),
  serial: TEXT,
  uuid: TEXT,
});

const AMOUNTS: Schema = { type: 'map', values: AMOUNT };

const DOMAIN = record(
  {
    chassis: OPEN,
    clock: OPEN,
    cpu: CPU,
    devices: DEVICES,
    features: record({ acpi: ENABLED, apic: OPEN, kvm: record({ hidden: TRUTH }), smm: ENABLED }),
    firmware: FIRMWARE,
    ioThreadsPolicy: TEXT,
    machine: record({ type: TEXT }),
    memory: record({ guest: AMOUNT, hugepages: record({ pageSize: TEXT }), maxGuest: AMOUNT }),
    resources: record({ limits: AMOUNTS, overcommitGuestOverhead: TRUTH, requests: AMOUNTS }),
  },
  ['devices'],
);

const NETWORK = record(
  {
    name: TEXT,
    multus: record({ default: TRUTH, networkName: TEXT }, ['networkName']),
    pod: record({ vmIPv6NetworkCIDR: TEXT, vmNetworkCIDR: TEXT }),
  },
  ['name'],
);

const AGENT_USERS = record({ users: listOf(TEXT) }, ['users']);

const ACCESS = record({
  sshPublicKey: record(
    {
      propagationMethod: record({
        configDrive: NOTHING,
        noCloud: NOTHING,
        qemuGuestAgent: AGENT_USERS,
      }),
      source: SECRET,
    },
    ['propagationMethod', 'source'],
  ),
  userPassword: record({ propagationMethod: record({ qemuGuestAgent: NOTHING }), source: SECRET }, [
    'propagationMethod',
    'source',
  ]),
});

/** What a machine may be told to be: `spec` of an instance and of a VM's template. */
export const VMI_SPEC = record(
  {
    accessCredentials: listOf(ACCESS),
    affinity: OPEN,
    architecture: TEXT,
    dnsConfig: OPEN,
    dnsPolicy: TEXT,
    domain: DOMAIN,
    evictionStrategy: TEXT,
    hostname: TEXT,
    livenessProbe: PROBE,
    networks: listOf(NETWORK),
    nodeSelector: LABELS,
    priorityClassName: TEXT,
    readinessProbe: PROBE,
    schedulerName: TEXT,
    startStrategy: TEXT,
    subdomain: TEXT,
    terminationGracePeriodSeconds: WHOLE,
    tolerations: listOf(
      record({ effect: TEXT, key: TEXT, operator: TEXT, tolerationSeconds: WHOLE, value: TEXT }),
    ),
    topologySpreadConstraints: listOf(OPEN),
    volumes: listOf(VOLUME),
  },
  ['domain'],
);
