/** What V8 made of a bundle at installation: used when it is this V8's and whole, and otherwise not missed. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { installDir } from '../../../src/sys/install.js';

const dist = mkdtempSync(join(tmpdir(), 'code-cache-'));
/** In a process of its own: V8 also remembers what it compiled in this one. */
const node = (...args: string[]) => spawnSync(process.execPath, args, { encoding: 'utf8' });
const help = (script: string) => node(join(dist, script), 'run', '--help');

let bundle: string;
let cache: string;

beforeAll(() => {
  cpSync(installDir, dist, { recursive: true, filter: (path) => !path.endsWith('.cache') });
  bundle = join(dist, readdirSync(dist).find((file) => file.endsWith('.bundle.js')) ?? '');
  cache = `${bundle}.cache`;
});
beforeEach(() => {
  const made = node(join(dist, 'iso-setup.js'), 'compile-cache');
  expect(made).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
afterAll(() => rmSync(dist, { recursive: true }));

/** Node's own word on whether it takes the cache. */
function isTaken(): boolean {
  const script = `const { Script } = require('node:vm'), { readFileSync } = require('node:fs'), [, name] = process.argv;
    const source = require('node:module').wrap(readFileSync(name, 'latin1'));
    const made = new Script(source, { filename: name, cachedData: readFileSync(name + '.cache') });
    process.stdout.write(String(made.cachedDataRejected));`;
  return node('-e', script, bundle).stdout === 'false';
}

it('is taken, and the command does what it does without', () => {
  expect(isTaken()).toBe(true);
  expect(help('iso-run-run.js')).toMatchObject({ status: 0, stderr: '', stdout: help('iso-run.js').stdout });
});

it('can be written by root alone, and replaces an older one', () => {
  const { mode, uid } = statSync(cache);
  expect({ mode: mode & 0o7777, uid }).toEqual({ mode: 0o644, uid: 0 });
  const names = readdirSync(dist).filter((file) => file.includes('.bundle.js'));
  expect(names.map((name) => join(dist, name)).sort()).toEqual([bundle, cache]);
});

it.each<[string, (bytes: Buffer) => Buffer]>([
  ['is empty', () => Buffer.alloc(0)],
  ['was cut', (bytes) => bytes.subarray(0, -8)],
  ['is full of zeros', ({ length }) => Buffer.alloc(length)],
  // The second word of it is a hash of V8's version, the fourth one of its flags.
  ['was made by another V8', (bytes) => Buffer.concat([bytes.subarray(0, 4), Buffer.alloc(4), bytes.subarray(8)])],
  ['was made with other flags', (bytes) => Buffer.concat([bytes.subarray(0, 12), Buffer.alloc(4), bytes.subarray(16)])],
])('is not taken when it %s, and not missed', (_, spoil) => {
  writeFileSync(cache, spoil(readFileSync(cache)));
  expect(isTaken()).toBe(false);
  expect(help('iso-run-run.js')).toMatchObject({ status: 0, stderr: '', stdout: help('iso-run.js').stdout });
});
