// Runs one project of vitest and stores its counts for `.ci/run`.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildDir, root, run, StageError, storeResult } from './stage.mjs';

/** A program of npm's. */
export const bin = (name) => join(root, 'node_modules', '.bin', name);
// Node's own variables change what our programs do; npm's have no meaning for them.
export const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|npm_)/i.test(name)));
if (!process.stdout.isTTY) env.NO_COLOR = '1';

/**
 * One vitest project; counts come from its JSON report, so a crash without a report is a failure too.
 * Returns what failed in words, and each file of tests with its counts and its seconds.
 */
export function vitest(project) {
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
  const files = testResults.map(({ name, startTime, endTime, assertionResults }) => ({
    file: name,
    seconds: (endTime - startTime) / 1000,
    passed: assertionResults.filter((result) => result.status === 'passed').length,
    failed: assertionResults.filter((result) => result.status === 'failed').length,
  }));
  return { failures: status === 0 ? [] : [`${project}: ${numFailedTests + broken} failed`], files };
}
