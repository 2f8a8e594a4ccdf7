/** `--package-config`: the host's configuration of a package manager, so that the container's uses the same sources. Pure. */
import { IsoError } from '../../lib/errors.js';
import { refuse } from './refuse.js';

const DIRECTORIES: ReadonlyMap<string, string> = new Map([
  ['apt', '/etc/apt'],
  ['apk', '/etc/apk'],
]);

/** The directories, each once; they have the same name inside. @throws IsoError usage.invalid */
export function parsePackageConfig(names: readonly string[]): string[] {
  const paths = names.map((name) => {
    const path = DIRECTORIES.get(name);
    if (path !== undefined) return path;
    throw refuse(`--package-config ${name}`, `it is none of ${[...DIRECTORIES.keys()].join(', ')}`);
  });
  return [...new Set(paths)];
}

/** What lies in /etc has a label of the host's. @throws IsoError feature.missing */
export function checkPackageConfig(paths: string[], labelled: boolean): string[] {
  if (!labelled || paths.length === 0) return paths;
  const why = "the host's configuration carries an SELinux label that no container may read";
  throw new IsoError('feature.missing', 'cannot use --package-config', why, {
    hint: 'copy the directory to one of your own, and bind it with -v and :Z',
  });
}
