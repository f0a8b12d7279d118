import { absolute, folderOf } from '../file-system.ts';
import { expandWhole, type Capture } from './expand.ts';
import { textInput, type Scope, type Streams } from './scope.ts';
import type { Redirection } from './syntax.ts';

/** Connects a command's files; answers the status where one cannot be opened. */
export async function redirect(
  redirections: readonly Redirection[],
  scope: Scope,
  streams: Streams,
  capture: Capture,
): Promise<Streams | number> {
  let opened = streams;
  for (const { fd, how, to } of redirections) {
    const target = await expandWhole(to, scope, capture);
    const next =
      how === '<<' ? { ...opened, input: textInput(target) } : open(opened, fd, how, target, scope);
    if (typeof next === 'string') {
      streams.err(`bash: line 1: ${next}\n`);
      return 1;
    }
    opened = next;
  }
  return opened;
}

function open(
  streams: Streams,
  fd: number,
  how: string,
  target: string,
  scope: Scope,
): Streams | string {
  if (how === '>&') return duplicate(streams, fd, target);
  const { files } = scope.computer;
  const path = absolute(target, scope.folder);
  if (how === '<') {
    const text = path === '/dev/null' ? '' : files.read(path);
    if (text === undefined) return `${target}: No such file or directory`;
    if (!files.mayRead(path, scope.user)) return `${target}: Permission denied`;
    return { ...streams, input: textInput(text) };
  }
  const write = writerTo(path, target, how === '>>', scope);
  if (typeof write === 'string') return write;
  return fd === 2 ? { ...streams, err: write } : { ...streams, out: write };
}

function duplicate(streams: Streams, fd: number, target: string): Streams {
  if (fd === 2 && target === '1') return { ...streams, err: streams.out };
  if (fd === 1 && target === '2') return { ...streams, out: streams.err };
  return streams;
}

function writerTo(
  path: string,
  shown: string,
  append: boolean,
  scope: Scope,
): ((text: string) => void) | string {
  if (path.startsWith('/dev/')) return () => undefined;
  const { files } = scope.computer;
  if (files.isFolder(path)) return `${shown}: Is a directory`;
  if (!files.isFolder(folderOf(path))) {
    return `${shown}: No such file or directory`;
  }
  if (!files.mayWrite(path, scope.user)) return `${shown}: Permission denied`;
  const isNew = files.read(path) === undefined;
  files.write(path, append ? (files.read(path) ?? '') : '', scope.user);
  if (isNew && scope.umask !== 0o022) files.setMode(path, 0o666 & ~scope.umask);
  return (text) => files.write(path, (files.read(path) ?? '') + text, scope.user);
}
