import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runWithPipes } from '../../../src/sys/real-pipe.js';

const openFiles = () => readdirSync('/proc/self/fd').length;

describe('runWithPipes', () => {
  it('gives programs pipes, not sockets, and leaves no descriptor behind', async () => {
    await runWithPipes('/usr/bin/true', [], 10_000);
    const before = openFiles();
    expect(await runWithPipes('/usr/bin/readlink', ['/proc/self/fd/1', '/proc/self/fd/2'], 10_000)).toMatch(
      /^pipe:\[\d+\]\npipe:\[\d+\]\n$/,
    );
    expect(openFiles()).toBe(before);
  });

  it('takes more than a pipe holds', async () => {
    expect((await runWithPipes('/usr/bin/head', ['-c', '1000000', '/dev/zero'], 10_000)).length).toBe(1_000_000);
  });

  it('tells why a program failed, was missing or took too long', async () => {
    await expect(runWithPipes('/usr/bin/ls', ['/nonexistent'], 10_000)).rejects.toMatchObject({
      code: 'tool.failed',
      why: expect.stringContaining('/nonexistent'),
    });
    await expect(runWithPipes('/nonexistent', [], 10_000)).rejects.toMatchObject({ code: 'tool.missing' });
    await expect(runWithPipes('/usr/bin/sleep', ['10'], 100)).rejects.toMatchObject({ code: 'tool.failed' });
  });
});
