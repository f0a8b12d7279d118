/**
 * What guests are told to do with the keys of sessions: shell scripts, given the home of the login
 * user and how our lines end. The file is the user's too, who may have written anything into it,
 * so it is searched as bytes: else grep answers only that a binary file matches.
 */

const MATCH = 'LC_ALL=C grep -a';

/**
 * Puts what comes in by stdin in the place of our lines. The file is replaced whole and only when
 * the new one is on the disk: half a file would keep us out too. Whoever was cut off on the way
 * left a file that must not become the keys later, so it is removed first; should its writer still
 * be alive, it fails. A third word `keep` means that a line of ours that is there stays.
 */
export const REPLACE = [
  'umask 077',
  'dir=$1/.ssh',
  'keys=$dir/authorized_keys',
  'new=$keys.new.$$',
  'mkdir -p "$dir" && touch "$keys" || exit 1',
  `[ "$3" = keep ] && ${MATCH} -q " $2\\$" "$keys" && exit 0`,
  'rm -f "$keys".new*',
  `trap 'rm -f "$new"' EXIT`,
  "trap 'exit 1' HUP INT TERM",
  // One opening of the file: were it opened again, another's removal would make it half.
  `{ ${MATCH} -v " $2\\$" "$keys"; [ $? -le 1 ] && cat; } > "$new" || exit 1`,
  'sync "$new" && mv "$new" "$keys"',
].join('\n');

/** Shows our lines; that there is no file is no failure, but one that cannot be read is. */
export const SHOW = [
  'keys=$1/.ssh/authorized_keys',
  '[ -e "$keys" ] || exit 0',
  `${MATCH} " $2\\$" "$keys"`,
  '[ $? -le 1 ]',
].join('\n');
