/** The kernel's audit rules: whole files of iso-setup, each under a key that says what they are of. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OPTIONAL_HOST_FILES } from '../../../src/setup/desired-host.js';
import { HOST_STATE_FILE, RANGES_FILE } from '../../../src/setup/state.js';

const audit = OPTIONAL_HOST_FILES.find(({ kind }) => kind === 'audit');
const text = readFileSync(join(import.meta.dirname, '../../../audit-rules', audit?.template ?? ''), 'utf8');
const rules = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

it('watch what users’ ids and limits are made of, and nothing is deployed but what is written here', () => {
  const watched = rules.map((rule) => /^-w (\/\S+) -p wa -k (iso-[a-z]+)$/.exec(rule)?.slice(1));
  expect(Object.fromEntries(watched.map((row) => row ?? []))).toEqual({
    '/etc/subuid': 'iso-subids',
    '/etc/subgid': 'iso-subids',
    '/etc/iso': 'iso-policy',
    [`/${RANGES_FILE}`]: 'iso-state',
    [`/${HOST_STATE_FILE}`]: 'iso-state',
  });
  expect(text).not.toContain('{{');
});
