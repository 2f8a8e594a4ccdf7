/** The administrator's files as they are read: merged, in order, and refused in words that name the key. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { IsoError } from '../../../src/lib/errors.js';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { readPolicy } from '../../../src/policy/read-policy.js';

let etc: string;
beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), 'iso-policy-'));
  mkdirSync(join(etc, 'policy.d'));
});
afterEach(() => rmSync(etc, { recursive: true }));

const write = (name: string, text: string) => writeFileSync(join(etc, name), text);

async function refusal(): Promise<{ code: string; what: string; why: string }> {
  const error = await readPolicy(etc).catch((thrown: unknown) => thrown);
  if (!(error instanceof IsoError)) throw new Error('it was not refused');
  return error;
}

it('is the default without a file', async () => {
  rmSync(join(etc, 'policy.d'), { recursive: true });
  expect(await readPolicy(etc)).toEqual(DEFAULT_POLICY);
});

it('is merged key by key, the last file by name counting most; lists replace', async () => {
  write('policy.toml', '[quota]\nsize = "1G"\ninodes = 5\n[run]\ncapabilities = ["CAP_KILL"]\n');
  write('policy.d/20-late.toml', '[quota]\nsize = "3G"\n');
  write('policy.d/10-early.toml', '[quota]\nsize = "2G"\n');
  write('policy.d/30-other.conf', 'no TOML at all');
  const { quota, run, slice } = await readPolicy(etc);
  expect(quota).toEqual({ ...DEFAULT_POLICY.quota, size: '3G', inodes: 5 });
  expect(run).toEqual({ ...DEFAULT_POLICY.run, capabilities: ['CAP_KILL'] });
  expect(slice).toEqual(DEFAULT_POLICY.slice);
});

it.each([
  ['[quota]\nsize = "1x"', 'quota.size is not a size such as 512M or 10G'],
  ['[quota]\nsice = "1G"', 'quota.sice is no key of the policy'],
  ['[__proto__]\nx = 1', '__proto__ is no key of the policy'],
  ['[quote]\nsize = "1G"', 'quote is no key of the policy'],
  ['quota = 1', 'quota must be object'],
  ['linger = "ever"', 'linger is none of never, always, on-demand'],
  ['[run]\ncapabilities = ["KILL"]', 'run.capabilities.0 is not a capability such as CAP_CHOWN'],
  ['[slice]\npids = -1\ncpus = "1"', 'slice.cpus must be number; slice.pids must be >= 0'],
  ['[subids]\nmin = 10\nmax = 20', 'subids.min..max holds not even one range'],
])('is refused: %j', async (text, why) => {
  write('policy.toml', text);
  expect(await refusal()).toMatchObject({
    code: 'policy.invalid',
    what: `cannot use the policy in ${join(etc, 'policy.toml')}`,
    why,
  });
});

it('names the line of what is no TOML', async () => {
  write('policy.toml', 'linger = "never"\n[quota\n');
  const { what, why } = await refusal();
  expect([what, why]).toEqual([`cannot read ${join(etc, 'policy.toml')}`, expect.stringMatching(/^[^\n]* in line 2$/)]);
});

it('is no file without end', async () => {
  write('policy.toml', '#'.repeat(300_000));
  expect((await refusal()).why).toContain('more than 262144 bytes');
});

it.each([
  ['a symbolic link', (file: string) => symlinkSync('/etc/hostname', file), 'it is a symbolic link'],
  [
    'a file that a group may write',
    (file: string) => [writeFileSync(file, ''), chmodSync(file, 0o664)],
    'others may write',
  ],
  [
    "somebody else's file",
    (file: string) => [writeFileSync(file, ''), chownSync(file, 70001, 0)],
    'belongs to uid 70001',
  ],
  ['a directory', (file: string) => mkdirSync(file), 'it is not a file'],
])('is refused when it is %s', async (_, make, why) => {
  make(join(etc, 'policy.d/10-hostile.toml'));
  expect(await refusal()).toMatchObject({ code: 'policy.invalid', why: expect.stringContaining(why) });
});

it('is refused where others may put files beside it, or a link stands for its directory', async () => {
  chmodSync(join(etc, 'policy.d'), 0o777);
  expect(await refusal()).toMatchObject({ code: 'policy.invalid', why: expect.stringContaining('others may write') });
  rmSync(join(etc, 'policy.d'), { recursive: true });
  symlinkSync('/tmp', join(etc, 'policy.d'));
  expect(await refusal()).toMatchObject({ code: 'policy.invalid', why: 'it is a symbolic link' });
});
