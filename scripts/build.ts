/** Builds dist/: the server as plain JavaScript beside its migrations, and the dashboard. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
execFileSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (existsSync('db/migrations')) cpSync('db/migrations', 'dist/db/migrations', { recursive: true });
await import('./build-client.ts');
