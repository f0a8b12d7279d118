import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { packageEntries } from '../../../../../server/providers/vm-host/image/package-files.ts';

test('a link in a package stays a link: nothing of this machine comes in behind it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-package-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [root, host] = [join(folder, 'root'), join(folder, 'host')];
  mkdirSync(join(root, 'usr/lib64'), { recursive: true });
  mkdirSync(join(root, 'usr/share/doc/bc'), { recursive: true });
  mkdirSync(host);
  writeFileSync(join(host, 'shadow'), 'a secret of this machine');
  writeFileSync(join(root, 'usr/lib64/loader'), 'ld');
  symlinkSync(host, join(root, 'usr/etc'));
  symlinkSync('.', join(root, 'usr/self'));
  expect(packageEntries(root).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
    'LINK lib64',
    'FOLDER usr',
    'LINK usr/etc',
    'FOLDER usr/lib64',
    'FILE usr/lib64/loader',
    'LINK usr/self',
    'FOLDER usr/share',
  ]);
});
