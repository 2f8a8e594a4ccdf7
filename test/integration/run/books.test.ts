/** The books that the launcher keeps for a plan: names, categories, records, lines of the trail. */
import { chownSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { containerPair, PAIRS } from '../../../src/lib/selinux-context.js';
import { jsonComposition, textComposition } from '../../../src/run/json-template.js';
import { labelsOf } from '../../../src/run/selinux.js';
import type { Op, PlannedOp, RunValues } from '../../../src/sys/launcher/ops.js';
import { makeRunUser, type RunUser } from './run-user.js';

let user: RunUser;
beforeAll(async () => {
  user = await makeRunUser();
});
afterAll(() => user?.remove());

let place: string;
let rounds = 0;
beforeEach(() => {
  place = join(user.scratch, `books-${rounds++}`);
  mkdirSync(join(place, 'containers'), { recursive: true });
  for (const path of [place, join(place, 'containers')]) chownSync(path, user.uid, user.gid);
});

/** Runs ops of the create stage, after one that works: a plan without a session ends there, as a failure that is no op's. */
async function keep(ops: readonly Op[], values: RunValues): Promise<{ index: number; errno: number }> {
  const first: Op = ['write-file', join(place, 'first'), 0o600, textComposition(['first'])];
  const plan: PlannedOp[] = [first, ...ops].map((op) => ({ stage: 'create', op, origin: 'test' }));
  plan.push({ stage: 'host', op: ['stdio', 'null', ''], origin: 'test' });
  const outcome = await user.launch(plan, undefined, values);
  if (outcome.kind !== 'failed') throw new Error(`the launch ended as ${outcome.kind}`);
  return outcome.failure;
}
/** The launcher's word on a plan that makes no container. */
const DONE = { index: 0, errno: 22 };
const idOf = (seed: number, more = '0') => seed.toString(16).padStart(8, '0') + more.repeat(56);

describe('categories', () => {
  const labels = jsonComposition({
    process: { value: 'process-label' },
    file: { value: 'file-label' },
    shared: { value: 'shared-label' },
  });
  async function draw(id: string, pair: readonly [number, number]) {
    const types = ['u:r:container_t:', 'u:object_r:container_file_t:'] as const;
    const [low, high] = [String(pair[0]), String(pair[1])];
    const file = join(place, 'labels');
    mkdirSync(join(place, 'containers', id), { recursive: true });
    const ops: Op[] = [
      ['label-pair', join(place, 'pairs'), ...types, low, high],
      ['write-file', file, 0o600, labels],
    ];
    expect(await keep(ops, [['id', id]])).toMatchObject(DONE);
    return JSON.parse(readFileSync(file, 'utf8'));
  }
  const expected = (index: number, pair: readonly [number, number]) =>
    labelsOf({ user: 'u', role: 'r', pair }, containerPair(index));

  it('are what TypeScript makes of the same numbers, runs shortened as the kernel shortens them', async () => {
    const seeds = [
      0,
      1,
      2,
      511,
      PAIRS - 1,
      PAIRS,
      0xffffffff,
      ...fc.sample(fc.integer({ min: 0, max: 0xffffffff }), 12),
    ];
    const pairs = [
      [0, 1],
      [510, 511],
      [7, 511],
      [3, 400],
    ] as const;
    for (const [index, seed] of seeds.entries()) {
      rmSync(join(place, 'pairs'), { recursive: true, force: true });
      const pair = pairs[index % pairs.length] ?? pairs[0];
      expect(await draw(idOf(seed, (index % 16).toString(16)), pair)).toEqual(expected(seed % PAIRS, pair));
    }
  });

  it('are no other container’s of the same user as long as that is there', async () => {
    const [first, second, third] = ['a', 'b', 'c'].map((more) => idOf(5, more)) as [string, string, string];
    expect(await draw(first, [1, 2])).toEqual(expected(5, [1, 2]));
    expect(await draw(second, [1, 2])).toEqual(expected(6, [1, 2]));
    rmSync(join(place, 'containers', first), { recursive: true });
    expect(await draw(third, [1, 2])).toEqual(expected(5, [1, 2]));
  });

  it.each([
    ['8', '8'],
    ['9', '8'],
    ['1', '512'],
  ])('of a user that are no pair are refused: %s %s', async (low, high) => {
    const op: Op = ['label-pair', join(place, 'pairs'), 'u:r:t:', 'u:r:t:', low, high];
    expect(await keep([op], [['id', idOf(1)]])).toMatchObject({ index: 1, errno: 22 });
  });
});

describe('names', () => {
  it('are claimed once, and again when who had them is gone', async () => {
    const claim = (id: string) =>
      keep(
        [['claim', join(place, 'names'), { argument: 'name' }, { argument: 'id' }]],
        [
          ['id', id],
          ['name', 'one'],
        ],
      );
    const [first, second] = [idOf(1), idOf(2)];
    mkdirSync(join(place, 'containers', first));
    expect(await claim(first)).toMatchObject(DONE);
    expect(await claim(second)).toMatchObject({ index: 1, errno: 17 });
    rmSync(join(place, 'containers', first), { recursive: true });
    expect(await claim(second)).toMatchObject(DONE);
    expect(readdirSync(join(place, 'names'))).toEqual(['one']);
  });

  it.each(['', '.', '..', '.hidden', 'a/b', '../x'])('that are no plain one are refused: %j', async (name) => {
    const op: Op = ['claim', join(place, 'names'), name, idOf(1)];
    expect(await keep([op], [])).toMatchObject({ index: 1, errno: 22 });
  });
});

describe('records', () => {
  const content = jsonComposition({
    name: { value: 'name' },
    short: { text: ['<', { value: 'name', most: 8 }, '>'] },
    command: { list: ['a"b'], given: true },
    words: { words: ['first'], given: true, most: 20 },
  });
  const write = async (name: string, command: readonly string[]) => {
    const file = join(place, 'record');
    const values: RunValues = [['name', name], ...command.map((word) => ['command', word] as const)];
    expect(await keep([['write-file', file, 0o600, content]], values)).toMatchObject(DONE);
    return JSON.parse(readFileSync(file, 'utf8')) as { name: string; short: string; command: string[]; words: string };
  };

  it('are JSON whatever the values hold', async () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !/[\0\ufffd]/.test(text));
    for (const [name, ...command] of fc.sample(fc.array(texts, { minLength: 2, maxLength: 5 }), 25)) {
      const record = await write(name ?? '', command);
      expect([record.name, record.command]).toEqual([name, ['a"b', ...command]]);
    }
  });

  it('cut what is too long, between characters, and say so', async () => {
    const { short, words } = await write('ääääää', ['x'.repeat(30), 'more']);
    expect(short).toBe('<ääää…[cut]>');
    expect(words).toBe(`first ${'x'.repeat(20)}…[cut]`);
  });
});

describe('lines of the trail', () => {
  const line = jsonComposition({ a: 1 });
  const append = () => keep([['append-line', join(place, 'trail'), 0o600, line]], []);
  const trail = () => join(place, 'trail');
  const ownedFile = (text: string) => {
    writeFileSync(trail(), text);
    chownSync(trail(), user.uid, user.gid);
  };

  it('follow one another, and one that was cut off by a newline', async () => {
    ownedFile('{"torn":');
    await append();
    await append();
    expect(readFileSync(trail(), 'utf8')).toBe('{"torn":\n{"a":1}\n{"a":1}\n');
  });

  it.each<[string, () => void]>([
    ['a link', () => symlinkSync('/etc/hosts', trail())],
    ['a file of another user', () => writeFileSync(trail(), '', { mode: 0o666 })],
    [
      'a file with a second name',
      () => {
        ownedFile('');
        linkSync(trail(), `${trail()}.second`);
      },
    ],
    ['a directory', () => mkdirSync(trail())],
  ])('are not written to %s', async (_, make) => {
    make();
    expect((await append()).index).toBe(1);
  });
});
