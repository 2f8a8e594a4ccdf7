// Clean Debian systems to install into: made by mmdebstrap, kept as an archive, entered with namespaces of their own.
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildDir, progress, run } from './stage.mjs';

const WEEK = 7 * 24 * 3600 * 1000;
/** How this machine reaches its package sources; the system inside needs the same. */
const NETWORK = ['/etc/resolv.conf', '/etc/hosts'];

function archiveOf(suite) {
  const archive = join(buildDir, 'roots', `${suite}.tar`);
  if (existsSync(archive) && Date.now() - statSync(archive).mtimeMs < WEEK) return archive;
  progress(`making a clean Debian ${suite}`);
  mkdirSync(join(buildDir, 'roots'), { recursive: true });
  run('mmdebstrap', ['--quiet', '--variant=minbase', suite, `${archive}.new.tar`], { quiet: true });
  renameSync(`${archive}.new.tar`, archive);
  return archive;
}

// As a boot would do, without one: own mounts, processes and host name, the root file system replaced for good
// (user namespaces are refused in a mere chroot).
const ENTER = `set -e; root=$1; shift
mount --make-rprivate /; mount --bind "$root" "$root"; cd "$root"
mkdir -p proc sys dev old
mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev; mount -t tmpfs tmpfs tmp -o mode=1777
cp -- "$root-input/"* tmp/
pivot_root . old; cd /; umount -l /old; hostname clean
exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"`;

/**
 * A new Debian system of `suite` in a directory of its own, with `files` copied to its /tmp at each entry.
 * `place` is that directory; `sh(script)` runs a script inside as root; `remove()` deletes the system.
 */
export function makeRoot(suite, files) {
  const base = mkdtempSync('/var/tmp/iso-toolkit-root.');
  const place = join(base, 'root');
  mkdirSync(place);
  mkdirSync(`${place}-input`);
  for (const file of files) cpSync(file, join(`${place}-input`, file.split('/').at(-1)));
  run('tar', ['-xf', archiveOf(suite), '-C', place]);
  for (const file of NETWORK) cpSync(file, join(place, file), { dereference: true });
  const isolate = ['--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child', '--'];
  return {
    suite,
    place,
    sh: (script, options = {}) =>
      run('unshare', [...isolate, 'bash', '-c', ENTER, 'enter', place, 'bash', '-euo', 'pipefail', '-c', script], {
        capture: true,
        title: `in ${suite}: ${script.trim()}`,
        ...options,
      }),
    remove: () => rmSync(base, { recursive: true, force: true }),
  };
}
