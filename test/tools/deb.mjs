// Builds the Debian package in a copy of the tree, so that nothing lands beside or in the checkout but build/.
//   node test/tools/deb.mjs     prints the path of the .deb
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';
import { buildDir, main, root, run, StageError, say } from './stage.mjs';

/** What a clone does not hold: made by tools, or git's own. */
const LEFT_OUT = new Set(['.git', 'node_modules', 'dist', 'build', 'native/build', 'src/generated']);

/** Builds in build/deb/`name` and returns the path of the package. */
export function buildDeb(name = 'tree') {
  const place = join(buildDir, 'deb', name);
  const tree = join(place, 'iso-toolkit');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  const isSource = (path) => !LEFT_OUT.has(relative(root, path));
  for (const entry of readdirSync(root).filter((name) => isSource(join(root, name)))) {
    cpSync(join(root, entry), join(tree, entry), { recursive: true, filter: isSource });
  }
  // Hard links: the build reads the modules and changes none.
  run('cp', ['-al', '--', join(root, 'node_modules'), join(tree, 'node_modules')]);
  run('dpkg-buildpackage', ['-us', '-uc', '-b'], {
    cwd: tree,
    quiet: true,
    env: { ...process.env, NODE: process.execPath, DEB_BUILD_OPTIONS: 'noautodbgsym' },
  });
  const built = readdirSync(place).filter((file) => file.endsWith('.deb'));
  if (built.length !== 1) throw new StageError(`dpkg-buildpackage left ${built.length} packages in ${place}`);
  rmSync(tree, { recursive: true });
  return join(place, built[0]);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => {
    prepare(['build', 'package']);
    const deb = buildDeb();
    say(`${deb}  ${(statSync(deb).size / 1024).toFixed(0)} KiB`);
  });
}
