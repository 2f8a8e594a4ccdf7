// Several images at once: one waits for its mirror while another unpacks.
//   node test/vm/images.mjs SUITE    builds the image of one suite
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { main, StageError } from '../tools/stage.mjs';
import { ensureImage } from './image.mjs';

const PROGRAM = fileURLToPath(import.meta.url);

async function buildApart(suite) {
  const child = spawn(process.execPath, [PROGRAM, suite], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new StageError(`the image of Debian ${suite} was not built`);
}

/** @param {string[]} suites Debian releases whose images shall exist */
export async function ensureImages(suites) {
  await Promise.all([...new Set(suites)].map(buildApart));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(() => void ensureImage(process.argv[2]));
