import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadRules } from '../../../src/audit/load-rules.js';
import { IsoError } from '../../../src/lib/errors.js';

const shipped = join(import.meta.dirname, '../../../audit-rules/checks');
let root: string;
let rules: string;
const file = () => join(rules, 'host/H03-unprivileged-bpf-off.json');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'iso-rules-'));
  rules = join(root, 'checks');
  cpSync(shipped, rules, { recursive: true });
  execFileSync('chmod', ['-R', 'go-w', root]);
});
afterEach(() => rmSync(root, { recursive: true }));

function refusal(): string {
  try {
    loadRules(rules);
  } catch (error) {
    if (error instanceof IsoError && error.code === 'rule.invalid') return error.why;
    throw error;
  }
  throw new Error('the rules were accepted');
}

test('a copy of the shipped rules is loaded', () => {
  expect(loadRules(rules).length).toBeGreaterThanOrEqual(15);
});

const hostile: [string, string, () => void][] = [
  ['a file that the group may write', 'others may write to it (mode 0664)', () => chmodSync(file(), 0o664)],
  ['a file that everybody may write', 'others may write to it (mode 0646)', () => chmodSync(file(), 0o646)],
  ['a file of another user', 'it belongs to uid 12345', () => chownSync(file(), 12345, 12345)],
  [
    'a link to a file',
    'it is a symbolic link',
    () => {
      renameSync(file(), join(root, 'real.json'));
      symlinkSync(join(root, 'real.json'), file());
    },
  ],
  [
    'a FIFO',
    'it is not a file',
    () => {
      rmSync(file());
      execFileSync('mkfifo', [file()]);
    },
  ],
  ['a huge file', 'it has more than 65536 bytes', () => truncateSync(file(), 2 ** 40)],
  ['a folder that everybody may write', 'others may write to it', () => chmodSync(join(rules, 'host'), 0o1777)],
  ['a folder of another user', 'it belongs to uid 12345', () => chownSync(join(rules, 'host'), 12345, 12345)],
  [
    'a link to a folder',
    'it is a symbolic link',
    () => {
      renameSync(join(rules, 'host'), join(root, 'host'));
      symlinkSync(join(root, 'host'), join(rules, 'host'));
    },
  ],
  ['a top folder that everybody may write', 'others may write to it', () => chmodSync(rules, 0o777)],
  [
    'a top folder that is a link',
    'it is a symbolic link',
    () => {
      renameSync(rules, join(root, 'real'));
      symlinkSync(join(root, 'real'), rules);
    },
  ],
  ['no folder', 'it does not exist', () => rmSync(rules, { recursive: true })],
  ['another kind of file', 'only .json files belong here', () => writeFileSync(join(rules, 'host/README'), '')],
  ['a rule twice', 'another rule has the id H03', () => cpSync(file(), join(rules, 'mac/H03-again.json'))],
];

test.each(hostile)('%s is refused', (_name, why, make) => {
  make();
  expect(refusal()).toContain(why);
});

test('every bad file is named at once', () => {
  writeFileSync(file(), '{');
  mkdirSync(join(rules, 'new'));
  writeFileSync(join(rules, 'new/X01-a.json'), '{}');
  const why = refusal();
  expect(why).toContain('host/H03-unprivileged-bpf-off.json: ');
  expect(why).toContain("new/X01-a.json: rule must have required property 'title'");
});
