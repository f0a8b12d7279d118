import { BASE_IMAGE, type CatalogueEntry } from '../../../../schema/model/image.ts';

/** Gives each guest SSH host keys of its own: run at the first wake of each, never before. */
const SSH_WAKE = `#!/bin/sh
# Host keys in the image would be the same in every guest. A guest that was saved in use has a
# server with the keys of the first: it is ended, and its port is free a moment later.
set -e
keys=/etc/dropbear
mkdir -p "$keys"
rm -f "$keys/dropbear_ed25519_host_key"
dropbearkey -t ed25519 -f "$keys/dropbear_ed25519_host_key"
killall dropbear 2> /dev/null || true
tries=0
until dropbear -r "$keys/dropbear_ed25519_host_key" -p 22; do
  tries=$((tries + 1))
  [ "$tries" -lt 20 ]
  sleep 0.1
done
`;

/** The images that can be built without a catalogue of one's own. */
export const BUILT_IN_CATALOGUE: readonly CatalogueEntry[] = [
  {
    name: BASE_IMAGE,
    description: "The smallest Linux: Debian's kernel, busybox and our agent",
    recipe: { parent: null, packages: [], files: {}, steps: [] },
  },
  {
    name: 'games',
    description: 'Games for the terminal: the BSD games and nsnake',
    recipe: {
      parent: BASE_IMAGE,
      packages: ['bsdgames', 'ncurses-base', 'nsnake'],
      files: {},
      steps: [['sh', '-c', '/usr/games/primes 1 10 > /dev/null && test -x /usr/games/nsnake']],
    },
  },
  {
    name: 'productivity',
    description: 'A calculator, a spreadsheet and an editor: bc, sc and nano',
    recipe: {
      parent: BASE_IMAGE,
      packages: ['bc', 'nano', 'ncurses-base', 'sc'],
      files: { '/etc/profile': 'export EDITOR=nano TERM=linux\n' },
      steps: [['sh', '-c', 'test "$(echo 6*7 | /usr/bin/bc)" = 42']],
    },
  },
  {
    name: 'ssh',
    description: 'An SSH server, dropbear, whose host keys every guest makes for itself',
    recipe: {
      parent: BASE_IMAGE,
      packages: ['dropbear-bin'],
      files: { '/etc/snapyard/wake.d/50-ssh-host-keys': SSH_WAKE },
      steps: [['mkdir', '-p', '/etc/dropbear', '/root/.ssh']],
    },
  },
];
