import type { VmRole } from '../../../schema/model/template.ts';
import type { VmOrigin, VmPhase } from '../../../schema/model/vm-handle.ts';
import type { VmSighting } from '../provider.ts';
import { chance } from './chance.ts';
import type { Files } from './disk.ts';

/**
 * A VM of the outside world. An order writes down when each part of it will be done, so what a VM
 * does at a given time follows from the clock alone, whether a server runs meanwhile or not.
 * Times are whole milliseconds on the outside world's clock.
 */
export interface SimulatedVm {
  readonly role: VmRole;
  readonly name: string;
  readonly origin: VmOrigin;
  readonly power: 'ON' | 'OFF';
  /** When its disks are made or restored. */
  readonly disksAt: number;
  /** When its machine runs, or has stopped. */
  readonly powerAt: number;
  /** When its guest answers. */
  readonly answersAt: number;
  /** Times it was switched on; each gives it another address. */
  readonly starts: number;
  /** Whether its guest hangs and answers nobody. */
  readonly silent: boolean;
  readonly files: Files;
}

/** How long the parts of an order take, in milliseconds. */
export interface Timeline {
  /** Before its disks are begun. */
  readonly wait: number;
  readonly disks: number;
  readonly start: number;
  readonly boot: number;
}

/** A VM that is ordered now. */
export function orderedVm(
  made: Pick<SimulatedVm, 'role' | 'name' | 'origin' | 'files'>,
  now: number,
  takes: Timeline,
): SimulatedVm {
  const disksAt = now + takes.wait + takes.disks;
  const powerAt = disksAt + takes.start;
  const answersAt = powerAt + takes.boot;
  return { ...made, power: 'ON', disksAt, powerAt, answersAt, starts: 1, silent: false };
}

/** The VM switched off now; one that is off already is left as it is. */
export function switchedOff(vm: SimulatedVm, now: number, ms: number): SimulatedVm {
  return vm.power === 'OFF' ? vm : { ...vm, power: 'OFF', powerAt: now + ms, silent: false };
}

/** The VM switched on now; one that is on already is left as it is. */
export function switchedOn(
  vm: SimulatedVm,
  now: number,
  takes: Pick<Timeline, 'start' | 'boot'>,
): SimulatedVm {
  if (vm.power === 'ON') return vm;
  const powerAt = Math.max(now, vm.disksAt) + takes.start;
  return { ...vm, power: 'ON', powerAt, answersAt: powerAt + takes.boot, starts: vm.starts + 1 };
}

/** The VM with its disks put back, switched off as it was. */
export function restored(vm: SimulatedVm, files: Files, now: number, ms: number): SimulatedVm {
  return { ...vm, files, origin: 'SNAPSHOT', disksAt: now + ms };
}

/** The VM with all that is still to come put off. */
export function delayed(vm: SimulatedVm, now: number, ms: number): SimulatedVm {
  const later = (time: number) => (time > now ? time + ms : time);
  const { disksAt, powerAt, answersAt } = vm;
  return {
    ...vm,
    disksAt: later(disksAt),
    powerAt: later(powerAt),
    answersAt: later(answersAt),
  };
}

/** Whether its guest answers. */
export function answers(vm: SimulatedVm, now: number): boolean {
  return vm.power === 'ON' && now >= vm.answersAt && !vm.silent;
}

/** What it is doing. */
function phaseOf(vm: SimulatedVm, now: number): VmPhase {
  if (vm.power === 'OFF') return now < vm.powerAt ? 'STOPPING' : 'STOPPED';
  if (now < vm.disksAt) return 'PENDING';
  return now < vm.powerAt ? 'STARTING' : 'RUNNING';
}

/** How it looks from here. */
export function sightingOf(vm: SimulatedVm, now: number): VmSighting {
  const phase = phaseOf(vm, now);
  return {
    role: vm.role,
    name: vm.name,
    exists: true,
    phase,
    answers: answers(vm, now),
    message: messageOf(vm, now),
    ipAddress: phase === 'RUNNING' ? addressOf(vm) : null,
    origin: vm.origin,
  };
}

/** How a VM looks that is not there. */
export function absentVm(vm: Pick<SimulatedVm, 'role' | 'name'>): VmSighting {
  return {
    role: vm.role,
    name: vm.name,
    exists: false,
    phase: 'UNKNOWN',
    answers: false,
    message: 'there is no such VM',
    ipAddress: null,
    origin: null,
  };
}

function messageOf(vm: SimulatedVm, now: number): string | null {
  if (answers(vm, now)) return null;
  if (vm.silent) return 'the guest does not answer';
  const messages: Partial<Record<VmPhase, string>> = {
    PENDING: 'its disks are being made',
    STARTING: 'its machine is starting',
    RUNNING: 'its guest is starting',
    STOPPING: 'it is being switched off',
    STOPPED: now < vm.disksAt ? 'its disks are being restored' : 'it is switched off',
  };
  return messages[phaseOf(vm, now)] ?? null;
}

function addressOf(vm: SimulatedVm): string {
  const part = (place: number) => Math.floor(chance(vm.name, vm.starts, place) * 254) + 1;
  return `10.${part(1)}.${part(2)}.${part(3)}`;
}
