/** What was written in homes is made to last by a user of each file system, and no user decides that for the others. */
import { describe, expect, it } from 'vitest';
import { IsoError } from '../../../src/lib/errors.js';
import { checkpoint, type Unsynced } from '../../../src/setup/checkpoint.js';
import { NO_JOURNAL } from '../../../src/setup/journal-file.js';
import type { HomeOutcome, HomeUser } from '../../../src/sys/home.js';

const DEVICE = 7;
const outcome: HomeOutcome = {
  ...{ error: undefined, component: 0, type: 'd', mode: 0o700, uid: 1000, gid: 1000, links: 2, size: 0, project: 0 },
  ...{ label: '', content: '', device: DEVICE },
};
const userOf = (name: string): HomeUser => ({
  name,
  uid: 1000,
  gid: 1000,
  groups: [],
  root: '/',
  home: `/home/${name}`,
});

/** Users in order, with what becomes of their process; returns who was asked and who is noted as done. */
async function run(ends: Record<string, HomeOutcome | IsoError>) {
  const asked: string[] = [];
  const done: string[] = [];
  const names = Object.keys(ends);
  const context = {
    root: '/',
    command: 'user' as const,
    journal: { ...NO_JOURNAL, done: (_: unknown, subjects: readonly string[]) => void done.push(...subjects) },
    homes: {
      enter: () => Promise.reject(new Error('nobody is looked for')),
      act: async ({ name }: HomeUser) => {
        asked.push(name);
        const end = ends[name] ?? outcome;
        if (end instanceof IsoError) throw end;
        return [end];
      },
    },
    unsynced: names.map((name): Unsynced => ({ subject: name, user: userOf(name), device: DEVICE, folders: [] })),
    losses: [],
  };
  const error = await checkpoint(context, true).then(
    () => undefined,
    (thrown: IsoError) => thrown.why,
  );
  return { asked, done, error };
}

const killed = new IsoError('os.failed', 'cannot work in the home', 'iso-home was ended by a signal (Killed)');

describe('a sync of a file system for all its users', () => {
  it('is asked for once', async () => {
    expect(await run({ a: outcome, b: outcome })).toEqual({ asked: ['a'], done: ['a', 'b'], error: undefined });
  });

  it('is asked for by another one when a user kills the own process, or fails in any other way', async () => {
    const ends = { a: killed, b: { ...outcome, error: 'EIO' }, c: outcome, d: outcome };
    expect(await run(ends)).toEqual({ asked: ['a', 'b', 'c'], done: ['a', 'b', 'c', 'd'], error: undefined });
  });

  it('is not believed when something else is mounted on the home by now', async () => {
    const ends = { a: { ...outcome, device: DEVICE + 1 }, b: outcome };
    expect(await run(ends)).toEqual({ asked: ['a', 'b'], done: ['a', 'b'], error: undefined });
  });

  it('has failed when it fails for several users: nothing is noted as done', async () => {
    const ends = { a: killed, b: killed, c: killed, d: killed, e: outcome };
    expect(await run(ends)).toEqual({ asked: ['a', 'b', 'c', 'd'], done: [], error: killed.why });
  });
});
