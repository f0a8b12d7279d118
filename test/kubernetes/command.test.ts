import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';

function start(...words: readonly string[]): ChildProcess {
  const command = ['bin/run.js', 'test/kubernetes/command.ts', ...words];
  return spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function said(stream: NodeJS.ReadableStream | null): Promise<string> {
  const [line] = stream === null ? [''] : ((await once(stream, 'data')) as [Buffer]);
  return String(line);
}

test('the command says where it is, and stops when it is told to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-simulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const kubeconfig = join(folder, 'kubeconfig');
  const child = start('--port', '0', '--kubeconfig', kubeconfig, '--speed', '50');
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(await said(child.stdout)).toMatch(
    /^A simulated Kubernetes with KubeVirt 1\.9 is ready: http:\/\/[\d.]+:\d+ \(speed 50\)\n$/,
  );
  const written = parse(readFileSync(kubeconfig, 'utf8')) as {
    clusters: [{ cluster: { server: string } }];
  };
  const answer = await fetch(`${written.clusters[0].cluster.server}/readyz`, {
    headers: { connection: 'close' },
  });
  expect(await answer.text()).toBe('ok');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('words that make no sense end it with one line', async () => {
  const child = start('--kubevirt', '0.9');
  const ended = once(child, 'exit');
  expect(await said(child.stderr)).toBe('--kubevirt must be from 1.3 to 1.9\n');
  expect(await ended).toEqual([1, null]);
});
