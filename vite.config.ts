import { globSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { shrinkAssets } from './scripts/shrink-assets.ts';

/** Browsers that know `light-dark()`, which the styles are written with. */
const BROWSERS = ['chrome123', 'firefox120', 'safari17.5'];

/** The dashboard, a VM's console and the playground: built into dist/client for the server. */
export default defineConfig({
  root: 'client',
  logLevel: 'warn',
  plugins: [react(), shrunk()],
  build: {
    outDir: '../dist/client',
    emptyOutDir: true,
    target: BROWSERS,
    // Small files would become data: addresses, which the page's policy refuses.
    assetsInlineLimit: 0,
    // The editor of the playground is large; the pages' own sizes are tested.
    chunkSizeWarningLimit: 4_000,
    rolldownOptions: {
      input: globSync('client/*.html', { cwd: import.meta.dirname }),
      // Marks that libraries leave for other tools are no news.
      onLog: (level, log, tell) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') tell(level, log);
      },
    },
  },
  server: {
    proxy: { '/graphql': { target: 'http://127.0.0.1:4000', ws: true } },
  },
});

/** The server sends what is built as it lies there, also in the forms that take less. */
function shrunk(): Plugin {
  return {
    name: 'shrunk',
    apply: 'build',
    writeBundle: ({ dir }) => {
      if (dir !== undefined) shrinkAssets(dir);
    },
  };
}
