/** The compiled system-call filter that runs without a plan share. */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeTokens, encodeTokens } from '../../../src/sys/wire.js';
import { giveTo, makeRunUser, type RunUser } from './run-user.js';

const { EPERM } = constants.errno;
/** Not logged, one instruction: all is allowed. */
const ALLOWS_ALL = Buffer.from('00060000000000ff7f', 'hex');

let user: RunUser;
let file: string;

beforeAll(async () => {
  user = await makeRunUser();
  file = join(user.home, '.local/share/containers/run/filter');
  symlinkSync('iso-front', join(user.scratch, 'dist', 'iso-run'));
  // What changed a moment ago could change again unseen, so nothing is kept until the clock has gone on.
  await sleep(2100);
});
afterAll(() => user?.remove());

/** Puts another filter in the place of the kept one, under its key or another. */
function forge(rename = (key: string) => key): void {
  const [magic, key] = decodeTokens(readFileSync(file)) ?? [];
  const tokens = [String(magic), rename(String(key)), ALLOWS_ALL, ALLOWS_ALL];
  writeFileSync(file, encodeTokens(tokens), { mode: 0o600 });
  giveTo(user, file);
}

const answer = async () => (await user.attempts()).keyctl;

describe('a filter that was kept', () => {
  beforeEach(async () => {
    rmSync(file, { force: true });
    // Nothing is kept while accounts of this machine change, as they do when others of its tests begin.
    for (let tries = 0; tries < 4 && !existsSync(file); tries += 1) {
      if (tries > 0) await sleep(2100);
      rmSync(join(user.home, '.local/share/containers/run/plans'), { recursive: true, force: true });
      expect(user.run([join(user.scratch, 'dist/iso-run'), 'run', '--rm', 'base', 'true']).status).toBe(0);
    }
  }, 30_000);

  it('is what the next run loads', async () => {
    expect(await answer()).toBe(EPERM);
    forge();
    expect(await answer()).not.toBe(EPERM);
  });

  it.each<[string, () => void]>([
    ['is of another profile, library or set of capabilities', () => forge((key) => key.replace(/^./, 'x'))],
    ['is another user’s', () => chownSync(file, 0, 0)],
    ['may be read by others', () => chmodSync(file, 0o640)],
    ['has a second name', () => linkSync(file, `${file}.second`)],
    [
      'is a link',
      () => {
        renameSync(file, `${file}.real`);
        symlinkSync(`${file}.real`, file);
      },
    ],
    ['is cut off', () => writeFileSync(file, readFileSync(file).subarray(0, -1))],
    [
      'has lost one of its filters',
      () => writeFileSync(file, readFileSync(file).subarray(0, -(ALLOWS_ALL.length + 5))),
    ],
    ['is too long', () => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(300_000)]))],
  ])('is not used when it %s', async (_, change) => {
    forge();
    change();
    expect(await answer()).toBe(EPERM);
    rmSync(`${file}.second`, { force: true });
  });
});
