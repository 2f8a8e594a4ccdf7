/** Where the installed parts of the toolkit lie: one directory holds bundles, native programs, templates and rules. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findInstallDir(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  // Bundled code lies beside the native programs; code run from a source tree lies in src/sys and uses what was built.
  return existsSync(join(here, 'iso-launch')) ? here : join(here, '..', '..', 'dist');
}

/** `/usr/lib/iso-toolkit` when installed, `dist` in a source tree. */
export const installDir = findInstallDir();

/** A native program (`iso-launch`, `iso-home`) or a data folder (`templates`, `audit-rules`) of the toolkit. */
export function installed(name: string): string {
  return join(installDir, name);
}
