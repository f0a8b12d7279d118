import { chance } from './chance.ts';

/**
 * How long things take in reality: least and most, in seconds. Where there are public figures for
 * virtual machines on Kubernetes these are they; restores and captures assume storage that copies
 * on write.
 */
export const LATENCY_SECONDS = {
  /** One question to the provider's API. */
  ask: [0.005, 0.05],
  /** The way to a guest and back. */
  command: [0.01, 0.05],
  /** New disks filled from the image. */
  disks: [5, 15],
  /** From an ordered machine to one that runs. */
  start: [8, 20],
  /** From a running machine to a guest that answers. */
  boot: [20, 60],
  /** Until what runs in a restored guest has found itself again. */
  settle: [10, 30],
  /** Setting up a control plane in a guest that has booted. */
  bootstrap: [300, 480],
  /** Setting up a worker and joining it. */
  join: [100, 140],
  /** Disks put back to a snapshot, or made from one. */
  restore: [3, 20],
  /** Holding a guest's file systems still. */
  freeze: [0.1, 1],
  /** Snapshots of all disks, ready to be used. */
  capture: [2, 10],
  /** Switching a machine off. */
  stop: [1, 5],
  /** Until the last object of something deleted is gone. */
  remove: [2, 10],
} as const satisfies Readonly<Record<string, readonly [least: number, most: number]>>;

/** What takes time. */
export type Duration = keyof typeof LATENCY_SECONDS;

/** Whole milliseconds that something takes, the same for the same words after it. */
export type Latency = (what: Duration, ...whose: readonly (string | number)[]) => number;

/** Draws from the table by a seed and divides by the speed, which may be infinite. */
export function seededLatency(seed: number, speed: number): Latency {
  return (what, ...whose) => {
    const [least, most] = LATENCY_SECONDS[what];
    const seconds = least + chance(seed, what, ...whose) * (most - least);
    return Math.round((seconds * 1_000) / speed);
  };
}
