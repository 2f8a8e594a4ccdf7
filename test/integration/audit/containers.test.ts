import { chmodSync, closeSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ContainerRecord, STORE } from '../../../src/facts/container-record.js';
import { readContainerStore, readContainers } from '../../../src/facts/containers.js';
import { openHome } from '../../../src/sys/safe-file.js';

const uid = process.getuid?.() ?? 0;
let home: string;
let containers: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'iso-store-'));
  containers = join(home, STORE, 'containers');
  mkdirSync(containers, { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true }));

const idOf = (number: number) => number.toString(16).padStart(64, '0');

function record(number: number, change: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    schema: 1,
    id: idOf(number),
    name: `c${number}`,
    image: 'base:latest',
    command: ['sh'],
    created: `2026-01-31T08:00:0${9 - (number % 10)}.000Z`,
    plan: `sha256:${'0'.repeat(64)}`,
    storageDriver: 'fuse-overlayfs',
    readOnly: false,
    limits: {},
    ...change,
  };
}

function store(number: number, files: Record<string, unknown>): void {
  mkdirSync(join(containers, idOf(number)));
  for (const [name, value] of Object.entries(files)) {
    writeFileSync(join(containers, idOf(number), name), typeof value === 'string' ? value : JSON.stringify(value));
  }
}

const running = { status: 'running', pid: 4, startTime: '100' };

function read() {
  const opened = openHome(home, uid);
  if (!opened.ok) throw new Error(opened.why);
  try {
    return readContainerStore(opened.fd, { owner: uid });
  } finally {
    closeSync(opened.fd);
  }
}

test('containers are read, oldest first', () => {
  store(1, { 'container.json': record(1), 'state.json': running });
  store(2, { 'container.json': record(2), 'state.json': { status: 'exited', exitCode: 137 } });
  expect(readContainers(home, uid).map(({ record: { name }, state }) => [name, state.status])).toEqual([
    ['c2', 'exited'],
    ['c1', 'running'],
  ]);
});

test('no store, and one that is just being written, are no faults', () => {
  store(1, { 'container.json': record(1) });
  store(2, {});
  mkdirSync(join(containers, 'tmp.part'));
  expect(read()).toEqual({ containers: [], refused: [] });
  rmSync(containers, { recursive: true });
  expect(read()).toEqual({ containers: [], refused: [] });
  expect(readContainers(join(home, 'none'), uid)).toEqual([]);
});

test.each<[string, Record<string, unknown>, string]>([
  ['no JSON', { 'container.json': '{', 'state.json': running }, 'container.json: it is not JSON'],
  ['another id', { 'container.json': record(7), 'state.json': running }, 'id differs'],
  ['an unknown field', { 'container.json': { ...record(1), more: 1 }, 'state.json': running }, 'additional properties'],
  ['a hostile name', { 'container.json': record(1, { name: 'a\u001b[2J' }), 'state.json': running }, 'name must match'],
  ['a pid that is none', { 'container.json': record(1), 'state.json': { ...running, pid: -1 } }, 'pid must be >= 1'],
  ['a pid beyond all', { 'container.json': record(1), 'state.json': { ...running, pid: 2 ** 40 } }, 'pid must be <='],
  ['a huge state', { 'container.json': record(1), 'state.json': ' '.repeat(20_000) }, 'state.json: it has 20000 bytes'],
])('%s is refused with its reason', (_name, files, why) => {
  store(1, files);
  expect(read()).toEqual({ containers: [], refused: [{ entry: idOf(1), why: expect.stringContaining(why) }] });
});

test('a link in place of a container, of a file, or of the store is refused', () => {
  store(1, { 'container.json': record(1), 'state.json': running });
  symlinkSync(idOf(1), join(containers, idOf(2)));
  store(3, { 'state.json': running });
  symlinkSync(join(containers, idOf(1), 'container.json'), join(containers, idOf(3), 'container.json'));
  expect(read().containers).toHaveLength(1);
  expect(read().refused.map(({ why }) => why)).toEqual([
    'container.json: a component of the path is a symbolic link',
    'container.json: it is a symbolic link',
  ]);
});

test('records are believed up to a sum of bytes', () => {
  const large = 'x'.repeat(130_000);
  for (let number = 1; number <= 20; number += 1) {
    store(number, { 'container.json': record(number, { command: Array(30).fill(large) }), 'state.json': running });
  }
  const found = read();
  expect(found.containers).toHaveLength(17);
  expect(found.refused).toEqual([{ entry: idOf(18), why: expect.stringContaining('bytes of records') }]);
});

test('a home that others may write to is not read', () => {
  store(1, { 'container.json': record(1), 'state.json': running });
  chmodSync(home, 0o777);
  expect(readContainers(home, uid)).toEqual([]);
});
