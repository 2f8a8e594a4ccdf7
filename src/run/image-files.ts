/** Small files of an image, read from its layers on the host. The content is the image's: no symlink of it is followed. */
import { closeSync } from 'node:fs';
import { openHome, readSafeFile } from '../sys/safe-file.js';

const MAX_BYTES = 2 ** 20;

/** Text of the uppermost layer that has the file, undefined when none has it as a plain small file. */
export function readLayerFile(layers: readonly string[], path: string): string | undefined {
  for (const layer of [...layers].reverse()) {
    const opened = openHome(layer, process.getuid?.() ?? 0);
    if (!opened.ok) continue;
    try {
      const file = readSafeFile(opened.fd, path, { owner: process.getuid?.() ?? 0, maxBytes: MAX_BYTES });
      if (file.ok) return file.text;
    } finally {
      closeSync(opened.fd);
    }
  }
  return undefined;
}
