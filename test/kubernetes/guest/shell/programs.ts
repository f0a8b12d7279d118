import { KUBERNETES_PROGRAMS } from '../cluster/programs.ts';
import { BASIC_PROGRAMS } from './basic-programs.ts';
import { FILE_PROGRAMS } from './file-programs.ts';
import type { Program } from './scope.ts';
import { SERVICE_PROGRAMS } from './service-programs.ts';
import { SYSTEM_PROGRAMS, whichAmong } from './system-programs.ts';
import { TEXT_PROGRAMS } from './text-programs.ts';

const which = whichAmong((name) => PROGRAMS.has(name));

/** All programs that guests have. */
export const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ...BASIC_PROGRAMS,
  ...FILE_PROGRAMS,
  ...TEXT_PROGRAMS,
  ...SYSTEM_PROGRAMS,
  ...SERVICE_PROGRAMS,
  ...KUBERNETES_PROGRAMS,
  ['command', which],
  ['which', which],
  ['type', which],
]);
