import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { compilePlan } from '../../../src/run/compile-plan.js';
import type { RunFlags } from '../../../src/run/options.js';
import { compileSpec, type SpecFacts } from '../../../src/run/spec.js';
import { books, facts, options } from './spec-facts.js';

describe('mounts', () => {
  const tmpfs = ['/x/y', '/w:size=1m'];
  const volume = { readOnly: true, noExec: true, kind: 'directory' as const, origin: '-v', masks: [], identity: '1:2' };
  const volumes = ['/x/y/z', '/x'].map((destination, index) => ({ ...volume, index, source: '/s', destination }));
  const plan = compilePlan(compileSpec(options({ tmpfs }), DEFAULT_POLICY, facts({ volumes })), books);

  it('go from the outside in, whatever they are', () => {
    const targets = plan.flatMap(({ op }) => {
      if (op[0] === 'bind' && op[3].startsWith('ro')) return [op[2]];
      return op[0] === 'mount' && !/^\/(proc|sys|dev)/.test(op[2]) ? [op[2]] : [];
    });
    expect(targets).toEqual(['/x', '/w', '/x/y', '/x/y/z']);
  });
  it('are what they were asked to be', () => {
    const ops = plan.map(({ op }) => op);
    expect(ops).toContainEqual(['mount', 'tmpfs', '/w', 'rw,nosuid,nodev,noexec', 'mode=1777,size=1048576', '']);
    const bind = ops.find((op) => op[0] === 'bind' && op[2] === '/x');
    expect(bind?.[3]).toBe('ro,nosuid,nodev,noexec');
  });
});

describe('labels', () => {
  it('are values of the run below any name', () => {
    const label = ['text=1', '__proto__=2', 'a"b=3', 'text=4'];
    const plan = compilePlan(compileSpec(options({ label }), DEFAULT_POLICY, facts()), books);
    const record = plan.find(({ op }) => op[0] === 'write-file' && JSON.stringify(op[1]).includes('record-file'))
      ?.op[3];
    expect(record).toMatchObject({
      parts: expect.arrayContaining([expect.stringMatching(/"labels":\{"text":"$/), { value: 'label.3' }]),
    });
    expect(JSON.stringify(record)).toContain(JSON.stringify('","a\\"b":"').slice(1, -1));
    expect(JSON.stringify(record)).not.toContain('label.0');
  });
});

describe('an entry point', () => {
  const { image } = facts();
  const withEntrypoint = { ...image, config: { ...image.config, entrypoint: ['/entry'] } };
  const argsOf = (flags: RunFlags, command: string[] = []) =>
    compileSpec(options(flags, command), DEFAULT_POLICY, facts({ image: withEntrypoint })).process;

  it('stands before the command, and one of the command line takes the place of all that the image has', () => {
    expect(argsOf({})).toMatchObject({ args: ['/entry', 'sh'], command: false });
    expect(argsOf({}, ['x'])).toMatchObject({ args: ['/entry'], command: true });
    expect(argsOf({ entrypoint: '/own' })).toMatchObject({ args: ['/own'], command: false });
    expect(argsOf({ entrypoint: '' }, ['x'])).toMatchObject({ args: [], command: true });
    expect(() => argsOf({ entrypoint: '' })).toThrow(/no command/);
  });
});

describe('--init', () => {
  const withInit = { ...facts().host, init: '/usr/bin/catatonit' };
  const opsOf = (over: Partial<SpecFacts>) =>
    compilePlan(compileSpec(options({ init: true }), DEFAULT_POLICY, facts(over)), books).map(({ op }) => op);

  it('puts a program of the host before the command', () => {
    const ops = opsOf({ host: withInit });
    expect(ops.filter(([name]) => name === 'arg')).toEqual([
      ['arg', '/dev/init'],
      ['arg', '--'],
    ]);
    expect(ops).toContainEqual(['bind', '/usr/bin/catatonit', '/dev/init', 'ro,nosuid,nodev', 'file', '']);
  });
  it('is refused where there is none, and where none may be executed', () => {
    expect(() => opsOf({})).toThrow(expect.objectContaining({ hint: expect.stringContaining('apt-get install') }));
    const selinux = { user: 'u', role: 'r', pair: [1, 2] as const };
    expect(() => opsOf({ host: withInit, selinux })).toThrow(/label/);
  });
});
