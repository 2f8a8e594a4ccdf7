// Several images, and the emulator, at once: one waits for its mirror while another unpacks.
//   node test/vm/images.mjs SUITE    builds the image of one suite
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { main, StageError } from '../tools/stage.mjs';
import { ensureImage } from './image.mjs';

const fileOf = (name) => fileURLToPath(new URL(name, import.meta.url));

async function runApart(program, words, what) {
  const child = spawn(process.execPath, [fileOf(program), ...words], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new StageError(`${what} was not made`);
}

/** @param {string[]} suites Debian releases whose images shall exist */
export async function ensureImages(suites) {
  const images = [...new Set(suites)].map((suite) => runApart('images.mjs', [suite], `the image of Debian ${suite}`));
  await Promise.all([runApart('emulator.mjs', [], 'the emulator'), ...images]);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(() => void ensureImage(process.argv[2]));
