/** Before all guests: the tools they need, and the package that they shall test. */
import type { TestProject } from 'vitest/node';
import { buildDeb } from '../tools/deb.mjs';
import { prepare } from '../tools/prepare.mjs';

export function setup(project: TestProject): void {
  prepare(['build', 'package', 'vm']);
  project.provide('deb', buildDeb('vm'));
}
