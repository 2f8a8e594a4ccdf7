// A Debian with servers and compilers, and a repository of a few packages for its apt: made once a week, kept in build/.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDir, progress, run } from '../tools/stage.mjs';

const SUITE = 'bookworm';
const PROGRAMS = ['gcc', 'libc6-dev', 'make', 'nginx-light', 'nodejs', 'postgresql'];
/** One that is a program, one that has a library, one whose scripts make a user of the system. */
const PACKAGES = ['hello', 'libjq1', 'libonig5', 'jq', 'uuid-runtime', 'libuuid1', 'libsmartcols1'];
const WEEK = 7 * 24 * 3600 * 1000;
const place = join(buildDir, 'programs');

const isFresh = (path) => existsSync(path) && Date.now() - statSync(path).mtimeMs < WEEK;

/** Makes a file or directory under a name of its own first, so that an interrupted run leaves none. */
function make(path, what, work) {
  if (isFresh(path)) return path;
  progress(`making ${what}`);
  mkdirSync(place, { recursive: true });
  run('rm', ['-rf', '--', `${path}.new`, path]);
  work(`${path}.new`);
  renameSync(`${path}.new`, path);
  return path;
}

/** The archive of a root file system. */
export function makeArchive() {
  const key = createHash('sha256').update(`${SUITE} ${PROGRAMS}`).digest('hex').slice(0, 12);
  return make(join(place, `${SUITE}-${key}.tar`), `a Debian ${SUITE} with ${PROGRAMS.join(', ')}`, (path) => {
    const include = `--include=${PROGRAMS.join(',')}`;
    run('mmdebstrap', ['--quiet', '--variant=minbase', '--format=tar', include, SUITE, path], { quiet: true });
  });
}

/** A directory that apt takes for an archive. The packages are those of the suite, as the image's apt would get them. */
export function makeRepository(archive) {
  return make(join(place, 'repository'), `a repository of ${PACKAGES.join(', ')}`, (path) => {
    mkdirSync(path);
    // By the image's own apt, in a root of its own, so that the versions are those which fit.
    const script = `set -e; root=$1; shift; tar -xf "$archive" -C "$root"; cp /etc/resolv.conf /etc/hosts "$root/etc/"
      mount --bind "$out" "$root/mnt"; mount -t proc proc "$root/proc"
      chroot "$root" sh -ec 'cd /mnt; apt-get update -qq; apt-get download -qq -o APT::Sandbox::User=root "$@"' sh "$@"`;
    const root = `${path}.root`;
    mkdirSync(root, { recursive: true });
    const env = { ...process.env, archive, out: path };
    run('unshare', ['--mount', '--propagation', 'private', '--', 'sh', '-c', script, 'sh', root, ...PACKAGES], {
      quiet: true,
      env,
    });
    run('rm', ['-rf', '--', root]);
    const { stdout } = run('dpkg-scanpackages', ['--multiversion', '.'], { capture: true, cwd: path });
    writeFileSync(join(path, 'Packages'), stdout);
  });
}
