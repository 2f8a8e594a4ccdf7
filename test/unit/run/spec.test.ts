import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { CAPABILITIES } from '../../../src/run/capabilities.js';
import { compilePlan } from '../../../src/run/compile-plan.js';
import { limitFiles } from '../../../src/run/limits.js';
import type { RunFlags } from '../../../src/run/options.js';
import { compileSpec, decideCapabilities, type SpecFacts } from '../../../src/run/spec.js';
import { encodePlan, planDigest } from '../../../src/sys/launcher/encode.js';
import { OPS, STAGES } from '../../../src/sys/launcher/ops.js';
import { books, facts, options } from './spec-facts.js';

const without = { ...facts().host, cgroup: { controllers: [], swap: false, reason: 'no manager' } };

describe('compileSpec', () => {
  it('fills limits from the policy and lets options win', () => {
    expect(compileSpec(options(), DEFAULT_POLICY, facts()).limits).toEqual({ memory: 2 ** 31, pids: 2048 });
    expect(
      compileSpec(options({ memory: '64m', cpus: '0.5', pidsLimit: '9' }), DEFAULT_POLICY, facts()).limits,
    ).toEqual({ memory: 2 ** 26, swap: 2 ** 26, cpus: 0.5, pids: 9 });
  });

  it('fails for a limit that was asked for, and only warns for a default, where the controller is missing', () => {
    expect(() => compileSpec(options({ memory: '64m' }), DEFAULT_POLICY, facts({ host: without }))).toThrow(
      expect.objectContaining({ code: 'controller.missing', what: 'cannot apply --memory' }),
    );
    const spec = compileSpec(options(), DEFAULT_POLICY, facts({ host: without }));
    expect(spec.limits).toEqual({});
    expect(spec.warnings).toEqual([
      "cannot apply the policy's run.memory, cannot apply the policy's run.pids: no manager",
    ]);
    const strict = { ...DEFAULT_POLICY, run: { ...DEFAULT_POLICY.run, missing: 'error' as const } };
    expect(() => compileSpec(options(), strict, facts({ host: without }))).toThrow('no manager');
  });

  it('merges the environment: defaults, image, options', () => {
    expect(compileSpec(options({ env: ['A=option', 'B=1'] }), DEFAULT_POLICY, facts()).process.env).toEqual([
      { name: 'PATH', assignment: 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      { name: 'container', assignment: 'container=iso' },
      { name: 'HOME', assignment: 'HOME=/root' },
      // Values of options differ from run to run.
      { name: 'A', assignment: { argument: 'env.0' } },
      { name: 'B', assignment: { argument: 'env.1' } },
    ]);
  });

  it("uses the image's command when none is given and fails when it has none", () => {
    expect(compileSpec(options({}, []), DEFAULT_POLICY, facts()).process.args).toEqual(['sh']);
    const { image } = facts();
    const bare = { ...image, config: { ...image.config, cmd: [] } };
    expect(() => compileSpec(options({}, []), DEFAULT_POLICY, facts({ image: bare }))).toThrow(/no command/);
  });

  it('refuses more processors than the host has', () => {
    expect(() => compileSpec(options({ cpus: '3' }), DEFAULT_POLICY, facts())).toThrow(/2 processors/);
  });

  it('falls back to the kernel driver only under auto', () => {
    const host = { ...facts().host, fuseOverlayfs: 'no /dev/fuse' };
    expect(compileSpec(options(), DEFAULT_POLICY, facts({ host })).root.driver).toBe('overlay');
    expect(() => compileSpec(options({ storageDriver: 'fuse-overlayfs' }), DEFAULT_POLICY, facts({ host }))).toThrow(
      'no /dev/fuse',
    );
  });
});

describe('under SELinux', () => {
  const selinux = { user: 'u', role: 'r', pair: [1, 2] as const };
  const compiled = (flags: RunFlags, over: Partial<SpecFacts> = { selinux }) =>
    compileSpec(options(flags), DEFAULT_POLICY, facts(over));

  it('auto is the driver whose files can be labelled', () => {
    expect(compiled({})).toMatchObject({ root: { driver: 'overlay' }, labelled: true, warnings: [] });
    expect(compiled({}, {})).toMatchObject({ root: { driver: 'fuse-overlayfs' }, labelled: false });
    expect(() => compiled({ storageDriver: 'fuse-overlayfs' })).toThrow(/label/);
  });

  const volume = {
    destination: '/d',
    readOnly: false,
    noExec: false,
    kind: 'directory' as const,
    origin: '-v',
    masks: [],
    identity: '1:2',
  };
  const volumes = [
    { ...volume, index: 0, source: '/a', relabel: 'shared' as const },
    { ...volume, index: 1, source: '/b', relabel: 'private' as const },
    { ...volume, index: 2, source: '/c' },
  ];
  const opsOf = (over: Partial<SpecFacts>) =>
    compilePlan(compiled({}, { volumes, ...over }), books).map(({ op }) => op);

  it('the payload, its mounts, pipes and volumes are labelled', () => {
    const ops = opsOf({ selinux });
    const file = { argument: 'file-label' };
    expect(ops.filter(([name]) => name === 'label')).toEqual([['label', { argument: 'process-label' }]]);
    expect(ops.filter(([name]) => name === 'relabel')).toEqual([
      ['relabel', { argument: 'volume.0' }, { argument: 'shared-label' }],
      ['relabel', { argument: 'volume.1' }, file],
    ]);
    expect(ops.find(([name]) => name === 'overlay')?.at(-1)).toEqual(file);
    expect(ops.find(([name]) => name === 'stdio')?.at(-1)).toEqual(file);
    const mounts = ops.flatMap((op) => (op[0] === 'mount' ? [[op[1], op[5]]] : []));
    for (const [type, label] of mounts) expect(label).toEqual(['tmpfs', 'devpts'].includes(String(type)) ? file : '');
  });

  it('and without SELinux nothing is', () => {
    const labels = opsOf({})
      .flat()
      .filter((word) => typeof word === 'object' && 'argument' in word);
    expect(labels).not.toContainEqual({ argument: 'file-label' });
    expect(opsOf({}).map(([name]) => name)).not.toContain('relabel');
  });
});

describe('the paths of layers', () => {
  it.each(['/home/a,b/l', '/home/a:b/l', '/home/a\\b/l'])('may not become other options of overlay: %s', (layer) => {
    expect(() => compileSpec(options(), DEFAULT_POLICY, facts({ layers: [layer] }))).toThrow(
      expect.objectContaining({ code: 'home.unsafe' }),
    );
  });
});

describe('decideCapabilities', () => {
  const decide = (flags: RunFlags) => decideCapabilities(options(flags), DEFAULT_POLICY);
  it('adds and drops by name in any spelling', () => {
    expect(decide({ capDrop: ['chown', 'CAP_KILL'], capAdd: ['net_raw'] })).not.toContain('CAP_CHOWN');
    expect(decide({ capAdd: ['net_raw'] })).toContain('CAP_NET_RAW');
    expect(decide({ capDrop: ['ALL'] })).toEqual([]);
    expect(decide({ capDrop: ['all'], capAdd: ['chown'] })).toEqual(['CAP_CHOWN']);
  });
  it('takes ALL for all that the kernel has', () => {
    expect(decide({ capAdd: ['all'] })).toEqual([...CAPABILITIES].sort());
    expect(decide({ capAdd: ['ALL'], capDrop: ['cap_sys_admin', 'Bpf'] })).toHaveLength(CAPABILITIES.length - 2);
    expect(decide({ capAdd: ['ALL'], capDrop: ['ALL'] })).toHaveLength(CAPABILITIES.length);
  });
  it('adds what is dropped by name too', () => {
    expect(decide({ capAdd: ['chown'], capDrop: ['chown'] })).toContain('CAP_CHOWN');
  });
  it('refuses unknown names', () => {
    for (const name of ['bogus', '', 'CAP_', 'CHOWN,KILL', 'CHOWN\n']) {
      expect(() => decide({ capAdd: [name] })).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
    }
  });
});

describe('limitFiles', () => {
  it('speaks cgroup v2', () => {
    expect(limitFiles({ memory: 100, cpus: 1.5, pids: 7 }).map(([file, value]) => `${file} ${value}`)).toEqual([
      'memory.max 100',
      'memory.oom.group 1',
      'cpu.max 150000 100000',
      'pids.max 7',
    ]);
  });
});

describe('compilePlan', () => {
  const plan = compilePlan(
    compileSpec(options({ rm: true, tty: true, readOnly: true }), DEFAULT_POLICY, facts()),
    books,
  );
  const names = plan.map(({ op }) => op[0]);
  const before = (first: string, second: string) => names.indexOf(first as never) < names.lastIndexOf(second as never);

  it('keeps the stages in order and every op in a stage of its own', () => {
    const order = plan.map(({ stage }) => STAGES.indexOf(stage));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    for (const { stage, op } of plan) expect(OPS[op[0]]).toContain(stage);
  });

  it("follows the kernel's order for privileges (THREATS R48)", () => {
    const chain = ['cap-bound', 'groups', 'ids', 'caps', 'chdir', 'no-new-privs', 'seccomp', 'exec'];
    expect(
      names.filter((name) => chain.includes(name)).filter((name, index, all) => all.indexOf(name) === index),
    ).toEqual(chain);
    expect(before('pivot', 'cap-bound')).toBe(true);
  });

  it('makes the root read-only after everything was mounted into it', () => {
    const readonlyRoot = plan.findIndex(({ op }) => op[0] === 'readonly' && op[1] === '/');
    const lastMount = names.findLastIndex((name) => ['mount', 'bind', 'mkdir', 'touch', 'mask'].includes(name));
    expect(readonlyRoot).toBeGreaterThan(lastMount);
  });

  it('puts limits above the leaves that the container and its storage live in', () => {
    const writes = plan.flatMap(({ op }) => (op[0] === 'cgroup-write' ? [[op[1], op[2]]] : []));
    expect(writes).toContainEqual([{ argument: 'cgroup' }, 'memory.max']);
    expect(writes).toContainEqual([{ argument: 'payload' }, 'cgroup.procs']);
    expect(writes).toContainEqual([{ argument: 'storage' }, 'cgroup.procs']);
  });

  it('keeps the session outside the limits, where it lives to tell that the container ran out of memory', () => {
    const moves = plan.flatMap(({ stage, op }) => (stage === 'session' && op[0] === 'cgroup-write' ? [op[1]] : []));
    expect(moves).toEqual([{ argument: 'storage' }, { argument: 'monitor' }]);
    const leaves = plan.findLastIndex(({ stage, op }) => stage === 'session' && op[0] === 'cgroup-write');
    const storage = plan.findIndex(({ op }) => op[0] === 'overlay' || op[0] === 'fuse-overlayfs');
    expect(leaves).toBeGreaterThan(storage);
    expect(leaves).toBeLessThan(names.indexOf('container'));
  });

  it('has the same digest for every run of the same shape', () => {
    const flags = { rm: true, tty: true, readOnly: true };
    const again = compilePlan(compileSpec(options(flags, ['another', 'command']), DEFAULT_POLICY, facts()), books);
    expect(planDigest(again)).toBe(planDigest(plan));
    expect(encodePlan(plan).length).toBeGreaterThan(1000);
  });
});
