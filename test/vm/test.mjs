// `npm run test:vm`: every scenario in a guest of its own, and where the time went.
import { basename } from 'node:path';
import { main, printTimes, StageError, say, stage } from '../tools/stage.mjs';
import { vitest } from '../tools/vitest.mjs';
import { prepareLab } from './global-setup.mjs';
import { scenarios } from './scenarios.mjs';

const nameOf = (file) => basename(file, '.test.ts');

function printScenarios(files) {
  say('\nseconds  passed  failed  scenario');
  for (const { file, seconds, passed, failed } of files) {
    const cells = [seconds.toFixed(0).padStart(7), String(passed).padStart(6), String(failed).padStart(6)];
    say(`${cells.join('  ')}  ${nameOf(file)}: ${scenarios[nameOf(file)]?.about ?? ''}`);
  }
}

await main(async () => {
  if (process.getuid() !== 0) throw new StageError('building a guest image mounts a file system, which needs root');
  // Before vitest runs, so that it is timed apart; there it finds all made.
  await stage('images', () => prepareLab());
  const { failures, files } = await stage('guests', () => vitest('vm'));
  printScenarios(files);
  printTimes();
  const sum = (key) => files.reduce((total, file) => total + file[key], 0);
  say(`\nvm: ${sum('passed')} passed, ${sum('failed')} failed`);
  if (failures.length > 0) throw new StageError(failures.join('\n'));
});
