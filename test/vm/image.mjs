// Builds the guest's disk from Debian's packages, and keeps it under the digest of its recipe.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { progress, run, StageError } from '../tools/stage.mjs';
import { recipe, recipeDigest } from './recipe.mjs';

/** Outside the tree, since images outlive checkouts. */
export const cacheDir =
  process.env.ISO_VM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'iso-vm');

const quiet = (program, args) => run(program, args, { quiet: true });
const atEase = (program, args) => quiet('nice', ['-n', '5', program, ...args]);

function install(root, key) {
  for (const [path, content] of Object.entries(recipe.files(key))) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { force: true });
    writeFileSync(file, content);
  }
  quiet('chroot', [root, 'systemctl', '--quiet', 'enable', ...recipe.enabled]);
  for (const unit of recipe.masked) symlinkSync('/dev/null', join(root, 'etc/systemd/system', unit));
}

/** Done from outside, where a commit takes seconds. */
function trimPolicy(root) {
  // Without compression, which is half a minute more of emulation; what is already compressed is made again.
  appendFileSync(join(root, 'etc/selinux/semanage.conf'), 'bzip-blocksize = 0\n');
  const semodule = (...words) => run('chroot', [root, 'semodule', ...words], { capture: true }).stdout;
  const others = semodule('--list-modules')
    .split('\n')
    .filter((name) => name !== '' && !recipe.policyModules.includes(name));
  semodule('--noreload', '--ignore-module-cache', ...others.map((name) => `--disable=${name}`));
}

/** Labels as the guest's own policy says; done from outside, where it takes seconds instead of minutes. */
function label(root) {
  const contexts = join(root, 'etc/selinux/default/contexts/files/file_contexts');
  quiet('setfiles', ['-r', root, '-F', contexts, root]);
  rmSync(join(root, '.autorelabel'), { force: true });
}

function copyKernel(root, place) {
  for (const kind of ['vmlinuz', 'initrd.img']) {
    const found = readdirSync(join(root, 'boot')).filter((name) => name.startsWith(`${kind}-`));
    if (found.length !== 1) throw new StageError(`the guest has ${found.length} files /boot/${kind}-*`);
    copyFileSync(join(root, 'boot', found[0]), join(place, kind));
  }
}

function fill(suite, disk, place) {
  const root = join(place, 'root');
  mkdirSync(root);
  quiet('mount', ['-o', 'loop', '--', disk, root]);
  try {
    progress(`Debian ${suite}: fetching and unpacking`);
    atEase('mmdebstrap', [
      ...['--quiet', '--variant=minbase', `--include=${recipe.packages.join(',')}`],
      ...['--aptopt=Acquire::Languages "none"', '--dpkgopt=path-exclude=/usr/share/doc/*'],
      ...['--dpkgopt=path-exclude=/usr/share/locale/*', '--dpkgopt=force-unsafe-io'],
      ...[suite, root],
    ]);
    progress(`Debian ${suite}: configuring and labelling`);
    install(root, readFileSync(join(place, 'key.pub'), 'utf8').trim());
    trimPolicy(root);
    label(root);
    copyKernel(root, place);
  } finally {
    quiet('umount', ['--', root]);
    rmdirSync(root);
  }
}

function build(suite, image) {
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const place = mkdtempSync(`${image}.new.`);
  try {
    quiet('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'iso-vm', '-f', join(place, 'key')]);
    const disk = join(place, 'disk.raw');
    writeFileSync(disk, '');
    truncateSync(disk, recipe.diskBytes);
    quiet('mkfs.xfs', ['-q', disk]);
    fill(suite, disk, place);
    chmodSync(disk, 0o400);
    renameSync(place, image);
  } catch (error) {
    rmSync(place, { recursive: true, force: true });
    throw error;
  }
}

const UNUSED_MS = 24 * 3600 * 1000;

/** Images of older recipes that nobody booted for a day; other checkouts may still ask for younger ones. */
function prune(suite) {
  for (const name of readdirSync(cacheDir).filter((entry) => entry.startsWith(`${suite}-`))) {
    const path = join(cacheDir, name);
    if (Date.now() - statSync(path).mtimeMs > UNUSED_MS) rmSync(path, { recursive: true, force: true });
  }
}

function noteUse(image) {
  const now = new Date();
  utimesSync(image, now, now);
}

/**
 * The image of a suite, built when there is none: a directory with disk.raw, vmlinuz, initrd.img, key and key.pub.
 * @param {string} suite
 * @returns {string}
 */
export function ensureImage(suite) {
  const image = join(cacheDir, `${suite}-${recipeDigest(suite)}`);
  if (existsSync(image)) {
    noteUse(image);
    return image;
  }
  if (process.getuid() !== 0) throw new StageError('building a guest image mounts a file system, which needs root');
  const since = Date.now();
  build(suite, image);
  prune(suite);
  progress(`Debian ${suite}: image built in ${((Date.now() - since) / 1000).toFixed(0)} s`);
  return image;
}
