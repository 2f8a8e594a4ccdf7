// `npm test`: prepares the machine, builds, and runs every check that needs no virtual machine.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from './prepare.mjs';
import { buildDir, main, printTimes, root, run, StageError, say, stage, storeResult } from './stage.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);
// Node's own variables change what our programs do; npm's have no meaning for them.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|npm_)/i.test(name)));
if (!process.stdout.isTTY) env.NO_COLOR = '1';

/** One vitest project; counts come from its JSON report, so a crash without a report is a failure too. */
function vitest(project) {
  const report = join(buildDir, 'reports', `${project}.json`);
  rmSync(report, { force: true });
  const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { status } = run(bin('vitest'), args, { env, accept: [0, 1] });
  if (!existsSync(report)) {
    storeResult(project, { passed: 0, failed: 1, skipped: 0 });
    throw new StageError(`vitest ended with ${status} and without a report`);
  }
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  // A file that cannot be loaded has no tests in the report, and is a failure.
  const broken = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  storeResult(project, { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests });
  if (status !== 0) return [`${project}: ${numFailedTests + broken} failed`];
  return [];
}

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
    ...(await stage('unit', () => vitest('unit'))),
    ...(await stage('integration', () => vitest('integration'))),
  ];
  printTimes();
  if (failures.length > 0) throw new StageError(failures.join('\n'));
  say('\nall passed');
});
