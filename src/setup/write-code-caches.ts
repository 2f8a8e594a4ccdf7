/** The caches of the installed bundles, made by the package where Node is the one that will use them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../sys/atomic-file.js';
import { cacheOf, compileBundle } from '../sys/code-cache.js';

/** @throws IsoError write.failed */
export function writeCodeCaches(folder: string): void {
  const mode = { mode: 0o644, uid: 0, gid: 0 };
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.bundle.js'))) {
    replaceFile(cacheOf(join(folder, name)), compileBundle(join(folder, name)), mode);
  }
}
