// Installs what is missing to build, test or measure: Debian packages and npm's modules. Does nothing when all is there.
//   node test/tools/prepare.mjs [build|package|test|bench]…     default: build
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, output, progress, root, run, StageError } from './stage.mjs';

/** Debian packages by what they are needed for. The toolkit's own dependencies come with its package where that is installed. */
const PACKAGES = {
  build: ['build-essential'],
  package: ['debhelper', 'libsubid-dev'],
  lint: ['lintian', 'mmdebstrap'],
  test: [
    ...[
      'acl',
      'attr',
      'busybox-static',
      'catatonit',
      'clang',
      'e2fsprogs',
      'fuse-overlayfs',
      'libclang-rt-dev',
      'libseccomp2',
      'libsubid-dev',
      'procps',
      'strace',
      'tar',
      'uidmap',
    ],
    ...['util-linux', 'xfsprogs', 'xz-utils', 'zstd'],
  ],
  vm: ['e2fsprogs', 'mmdebstrap', 'openssh-client', 'policycoreutils', 'qemu-system-x86', 'qemu-utils', 'xfsprogs'],
  bench: ['bubblewrap', 'busybox-static', 'crun', 'runc', 'uidmap'],
};
const MIN_NODE = 20;

function missingPackages(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders.
  const format = '-f=${db:Status-Status} ${Package}\\n';
  const listed = run('dpkg-query', ['-W', format, ...names], { capture: true, accept: [0, 1] }).stdout;
  const installed = new Set(
    listed
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.slice('installed '.length)),
  );
  return names.filter((name) => !installed.has(name));
}

function installPackages(names) {
  const missing = missingPackages([...new Set(names)]);
  if (missing.length === 0) return;
  if (process.getuid() !== 0) {
    throw new StageError(
      `Debian packages are missing: ${missing.join(' ')}`,
      `sudo apt-get install --no-install-recommends ${missing.join(' ')}`,
    );
  }
  progress(`installing ${missing.length} Debian packages: ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], { quiet: true, env });
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { quiet: true, env });
}

/** npm writes what it installed to node_modules/.package-lock.json: compared entry by entry with what is asked for. */
function modulesAreCurrent() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(want).every(
    ([path, { version, integrity, optional, peer }]) =>
      path === '' ||
      (!have[path] && (optional || peer)) ||
      (have[path]?.version === version && have[path]?.integrity === integrity),
  );
}

function installModules() {
  if (modulesAreCurrent()) return;
  progress('installing npm modules');
  // No library needs its install script: binaries come as packages, and koffi's is used as npm delivered it.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { quiet: true });
}

/** Makes the named groups of packages and npm's modules present. */
export function prepare(groups = ['build']) {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < MIN_NODE) {
    throw new StageError(
      `the build and test tools need Node ${MIN_NODE}, this is ${process.version}`,
      "what is built runs on Debian's own Node 18.19 and newer; build it with Node 20",
    );
  }
  const unknown = groups.find((group) => !Object.hasOwn(PACKAGES, group));
  if (unknown) throw new StageError(`unknown group "${unknown}"`, `one of ${Object.keys(PACKAGES).join(', ')}`);
  installPackages(groups.flatMap((group) => PACKAGES[group]));
  installModules();
  progress(`prepared for ${groups.join(', ')} with Node ${process.version}, npm ${output('npm', ['--version'])}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => prepare(process.argv.length > 2 ? process.argv.slice(2) : undefined));
}
