// `npm run test:programs`: servers, compilers and package tools in containers of an ordinary user, with default options.
import { prepare } from '../tools/prepare.mjs';
import { main, printTimes, run, StageError, stage } from '../tools/stage.mjs';
import { env, vitest } from '../tools/vitest.mjs';
import { makeArchive, makeRepository } from './image.mjs';

await main(async () => {
  if (process.getuid() !== 0) throw new StageError('making users and images needs root');
  await stage('prepare', () => prepare(['build', 'test', 'lint']));
  await stage('build', () => run('npm', ['run', '--silent', 'build'], { env }));
  // Before vitest runs, so that it is timed apart; there it finds all made.
  await stage('image', () => makeRepository(makeArchive()));
  const { failures } = await stage('programs', () => vitest('programs'));
  printTimes();
  if (failures.length > 0) throw new StageError(failures.join('\n'));
});
