// Before all guests: the tools they need, their images, and the package that they shall test.
import { buildDeb } from '../tools/deb.mjs';
import { prepare } from '../tools/prepare.mjs';
import { ensureImages } from './images.mjs';

/** @param {string[]} [suites] Debian releases whose images shall exist; without: those of all scenarios */
export async function prepareLab(suites) {
  prepare(['build', 'package', 'vm']);
  await ensureImages(suites);
}

/** Vitest's global setup. @param {import('vitest/node').TestProject} project */
export async function setup(project) {
  await prepareLab([]);
  project.provide('deb', buildDeb('vm'));
}
