// `npm test`: prepares the machine, builds, and runs every check that needs no virtual machine.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from './prepare.mjs';
import { buildDir, main, printTimes, run, StageError, say, stage, storeResult } from './stage.mjs';
import { bin, env, vitest } from './vitest.mjs';

/** A check that passes or fails as a whole. */
function check(name, program, args) {
  const { status } = run(program, args, { env, accept: [0, 1, 2] });
  storeResult(name, { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 });
  return status === 0 ? [] : [`${name}: failed`];
}

await main(async () => {
  if (process.getuid() !== 0) {
    throw new StageError(
      'npm test makes users, mounts and namespaces, which needs root',
      'run `sudo npm test`; as yourself, `npx vitest run --project unit` runs the tests that need no root',
    );
  }
  rmSync(join(buildDir, 'results'), { recursive: true, force: true });
  await stage('prepare', () => prepare(['build', 'test']));
  await stage('build', () => run('npm', ['run', '--silent', 'build'], { env }));
  const failures = [
    ...(await stage('types', () => check('types', bin('tsc'), ['-p', 'tsconfig.json']))),
    ...(await stage('lint', () => check('lint', bin('biome'), ['check', '--error-on-warnings', '.']))),
    ...(await stage('native', () => check('native', 'make', ['-C', 'native', '--no-print-directory', 'check']))),
    ...(await stage('unit', () => vitest('unit').failures)),
    ...(await stage('integration', () => vitest('integration').failures)),
  ];
  printTimes();
  if (failures.length > 0) throw new StageError(failures.join('\n'));
  say('\nall passed');
});
