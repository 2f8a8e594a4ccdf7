import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/trail/container-event.js';
import type { TrailEvent } from '../../../src/trail/event.js';

const ended = (details: TrailEvent['details'], action = 'container.exit') =>
  containerEvents({
    action,
    outcome: 'success',
    time: '2026-01-31T08:00:00.000Z',
    container: { id: 'c', name: 'n', image: 'i' },
    ...(details ? { details } : {}),
  } as TrailEvent).map(({ Status, Outcome }) => `${Status} ${Outcome}`);

describe('the end of a container', () => {
  it('tells first which limits it ran into', () => {
    expect(ended({ exitCode: 0, oomKilled: false, pidsRefused: 0 })).toEqual(['exit success']);
    expect(ended({ oomKilled: true, pidsRefused: 3 })).toEqual(['oom failure', 'pids failure', 'exit success']);
    expect(ended(undefined)).toEqual(['exit success']);
    expect(ended({ oomKilled: true }, 'container.start')).toEqual(['start success']);
    expect(ended({}, 'volume.create')).toEqual([]);
  });
});
