/**
 * What V8 makes of a bundle, kept beside it by the package's installation: parsing and compiling are half of a cold start. V8
 * refuses what another version of it made, or one with other flags, and then compiles as ever. It does not compare the
 * source, so a bundle whose text is another has another name (build.config.mjs).
 */
import { readFileSync } from 'node:fs';
import Module from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { hasErrno } from '../lib/errors.js';

export const cacheOf = (bundle: string) => `${bundle}.cache`;

/** The build writes ASCII alone. */
const sourceOf = (bundle: string) => Module.wrap(readFileSync(bundle, 'latin1'));

function readCache(bundle: string): Buffer | undefined {
  try {
    return readFileSync(cacheOf(bundle));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A bundle as Node's own loader has it: a function of `exports, require, module, __filename, __dirname`. */
export function loadBundle(bundle: string): (...scope: unknown[]) => void {
  const cachedData = readCache(bundle);
  const script = new Script(sourceOf(bundle), { filename: bundle, ...(cachedData && { cachedData }) });
  return script.runInThisContext();
}

/** Compiles every function of a bundle, not only those that a first run would call. */
export function compileBundle(bundle: string): Buffer {
  setFlagsFromString('--no-lazy');
  const script = new Script(sourceOf(bundle), { filename: bundle });
  // Flags are part of what V8 compares.
  setFlagsFromString('--lazy');
  return script.createCachedData();
}
