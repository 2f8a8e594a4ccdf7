// Before all guests: the tools they need, their images, and the package that they shall test.
import { buildDeb } from '../tools/deb.mjs';
import { prepare } from '../tools/prepare.mjs';
import { ensureImage } from './image.mjs';

/** @param {string[]} suites Debian releases whose images shall exist */
export function prepareLab(suites) {
  prepare(['build', 'package', 'vm']);
  for (const suite of new Set(suites)) ensureImage(suite);
}

/** Vitest's global setup. @param {import('vitest/node').TestProject} project */
export function setup(project) {
  prepareLab([]);
  project.provide('deb', buildDeb('vm'));
}
