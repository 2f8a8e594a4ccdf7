// Several images, and the emulator, at once: one waits for its mirror while another unpacks.
//   node test/vm/images.mjs [SUITE]    makes all that the guests need, or the image of one suite
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { prepare } from '../tools/prepare.mjs';
import { main, StageError } from '../tools/stage.mjs';
import { ensureImage } from './image.mjs';
import { scenarios } from './scenarios.mjs';

const fileOf = (name) => fileURLToPath(new URL(name, import.meta.url));

async function runApart(program, words, what) {
  const child = spawn(process.execPath, [fileOf(program), ...words], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new StageError(`${what} was not made`);
}

/** @param {string[]} [suites] Debian releases whose images shall exist; without: those of all scenarios */
export async function ensureImages(suites = Object.values(scenarios).map(({ suite }) => suite)) {
  const images = [...new Set(suites)].map((suite) => runApart('images.mjs', [suite], `the image of Debian ${suite}`));
  await Promise.all([runApart('emulator.mjs', [], 'the emulator'), ...images]);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const suite = process.argv[2];
  await main(() => {
    if (suite) return void ensureImage(suite);
    prepare(['vm']);
    return ensureImages();
  });
}
