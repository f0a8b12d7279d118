/** Everything about Firecracker itself that may be set. */
export interface FirecrackerSettings {
  /** The program, by name or by a path that is not relative: it works in a folder of its VM. */
  readonly binary: string;
}

/** The program as it is found in the path. */
export const DEFAULT_FIRECRACKER_SETTINGS: FirecrackerSettings = { binary: 'firecracker' };
