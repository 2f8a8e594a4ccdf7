import { expect, it } from 'vitest';
import { run } from '../../../src/sys/exec.js';

it('gives output and status, in a clean environment', async () => {
  process.env.ISO_TEST_CANARY = 'seen';
  try {
    const { exitCode, stdout, stderr } = await run('sh', ['-c', 'env; cat; echo err >&2; exit 3'], {
      input: 'in\n',
      accept: [3],
    });
    expect([exitCode, stderr]).toEqual([3, 'err\n']);
    expect(stdout).toMatch(/in\n$/);
    expect(stdout).not.toContain('seen');
  } finally {
    delete process.env.ISO_TEST_CANARY;
  }
});

it.each<[string, string, string[], Parameters<typeof run>[2], string, RegExp]>([
  ['is not there', '/no/such/program', [], {}, 'tool.missing', /ENOENT/],
  ['fails', 'sh', ['-c', 'echo one; echo two >&2; exit 4'], {}, 'tool.failed', /status 4: two$/],
  ['does not end', 'sleep', ['60'], { timeoutMs: 100 }, 'tool.failed', /after 0\.1 s$/],
  ['is killed', 'sh', ['-c', 'kill -KILL $$'], {}, 'tool.failed', /by SIGKILL$/],
  ['prints without end', 'yes', [], {}, 'tool.failed', /more than 16 MiB$/],
])('says so of a program that %s', async (_, program, args, options, code, message) => {
  const error = await run(program, args, options).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
});
