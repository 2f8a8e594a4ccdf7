import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/main.js';
import { addRunOptions } from '../../../src/cli/run-options.js';

/** What `run` gets of these words. */
function read(...words: string[]): { flags: Record<string, unknown>; command: string[] } {
  const program = createProgram('iso-run', '').enablePositionalOptions();
  let got: { flags: Record<string, unknown>; command: string[] } | undefined;
  addRunOptions(program.command('run'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .action((image: string, command: string[], flags) => {
      got = { flags, command: [image, ...command] };
    });
  program.parse(['node', 'iso-run', 'run', ...words]);
  if (!got) throw new Error('no action');
  return got;
}

describe('flags of a run', () => {
  it('may have a value', () => {
    expect(read('--rm=true', '--tty=false', '-i', 'base').flags).toEqual({ rm: true, interactive: true });
  });

  it('are looked for among options alone', () => {
    const { flags, command } = read(
      '-e',
      '--rm=true',
      '--name',
      'x',
      '-ite',
      'A=1',
      '-eB',
      'base',
      'prog',
      '--rm=true',
    );
    expect(flags).toEqual({ env: ['--rm=true', 'A=1', 'B'], name: 'x', interactive: true, tty: true });
    expect(command).toEqual(['base', 'prog', '--rm=true']);
    expect(read('--', 'base', '--init=true').command).toEqual(['base', '--init=true']);
  });

  it('have no other value, and options with one keep it', () => {
    expect(() => read('--rm=maybe', 'base')).toThrow(/--rm=maybe/);
    expect(read('--name=true', '--read-only-tmpfs=false', 'base').flags).toEqual({
      name: 'true',
      readOnlyTmpfs: 'false',
    });
  });
});
