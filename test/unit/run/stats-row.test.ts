import { describe, expect, it } from 'vitest';
import type { Container } from '../../../src/run/records.js';
import { formatBytes, type Look, statsRow } from '../../../src/run/stats-row.js';

const container = {
  record: { id: 'a'.repeat(64), name: 'one' },
  state: { status: 'running', startedAt: '2026-01-01T00:00:00.000Z' },
} as Container;
const start = Date.parse('2026-01-01T00:00:00.000Z');
const look = (seconds: number, cpuUsec: number): Look => ({
  container,
  at: start + seconds * 1000,
  use: { cpuUsec, memory: 64_000_000, memoryLimit: 256_000_000, pids: 3, readBytes: 0, writtenBytes: 1500 },
});

describe('a row of stats', () => {
  it('has the share of a processor between two looks, and since the start', () => {
    expect(statsRow(look(10, 5_000_000), look(8, 4_000_000), { memory: 1e9 })).toEqual({
      ID: 'a'.repeat(12),
      Name: 'one',
      CPUPerc: '50.00%',
      AVGCPU: '50.00%',
      MemUsage: '64MB / 256MB',
      MemPerc: '25.00%',
      NetIO: '-- / --',
      BlockIO: '0B / 1.5kB',
      PIDS: '3',
    });
    expect(statsRow(look(10, 1_000_000), undefined, { memory: 1e9 }).CPUPerc).toBe('10.00%');
  });

  it('is bounded by the memory of the host', () => {
    const { cpuUsec, ...use } = look(1, 0).use ?? {};
    const row = statsRow({ ...look(1, 0), use: { ...use, memoryLimit: 4e9 } }, undefined, { memory: 128_000_000 });
    expect([cpuUsec, row.CPUPerc, row.MemUsage]).toEqual([0, '--', '64MB / 128MB']);
  });

  it('says nothing of what is not known', () => {
    const row = statsRow({ container, at: start }, undefined, { memory: 1e9 });
    expect([row.CPUPerc, row.MemUsage, row.BlockIO, row.PIDS]).toEqual(['--', '-- / --', '-- / --', '--']);
  });

  it.each([
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [1_234_567, '1.235MB'],
    [5e15, '5000TB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
