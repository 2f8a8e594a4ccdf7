import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseProfile, resolveProfile } from '../../../src/run/seccomp-profile.js';

const context = { arch: 'x64', capabilities: ['CAP_CHOWN'], kernel: '6.1.0-13-amd64' };
const profile = (over: object) => parseProfile(JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', ...over }));

describe('the default profile', () => {
  const text = readFileSync(new URL('../../../templates/user/seccomp.json', import.meta.url), 'utf8');
  const { main, quiet } = resolveProfile(parseProfile(text), context);

  it('is an allow-list that answers EPERM', () => {
    expect(main.defaultAction).toBe(0x0005_0001);
  });

  it.each([
    'io_uring_setup',
    'userfaultfd',
    'bpf',
    'keyctl',
    'add_key',
    'request_key',
    'perf_event_open',
    'mount',
    'fsopen',
    'move_mount',
    'open_tree',
    'mount_setattr',
    'pivot_root',
    'setns',
    'unshare',
    'kexec_load',
    'init_module',
    'open_by_handle_at',
  ])('does not allow %s', (name) => {
    expect(main.rules.filter((rule) => rule.names.includes(name) && rule.action === 0x7fff_0000)).toEqual([]);
  });

  it('allows clone only without namespace flags', () => {
    const rules = main.rules.filter((rule) => rule.names.includes('clone'));
    expect(rules).toHaveLength(1);
    expect(rules[0]?.tests).toEqual([{ arg: 0, op: 7, a: 0x7e02_0000n, b: 0n }]);
  });

  it('answers clone3 quietly with ENOSYS, so that a C library falls back to clone', () => {
    expect(quiet.rules[0]).toEqual({ names: ['clone3'], action: 0x0005_0026, tests: [] });
    expect(quiet.defaultAction).toBe(0x7fff_0000);
  });
});

describe('socketcall(2) of 32-bit x86, whose arguments no filter sees', () => {
  const closed = (...syscalls: object[]) =>
    resolveProfile(profile({ syscalls }), context).quiet.rules.map(({ names, tests }) => [names[0], tests[0]?.a]);
  const tested = { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] };

  it('is closed where a rule looks at the arguments', () => {
    expect(closed(tested)).toEqual([['socketcall', 1n]]);
    expect(closed({ ...tested, names: ['accept4'] })).toEqual([['socketcall', 18n]]);
  });

  it('stays open where none does', () => {
    expect(closed({ names: ['socket'], action: 'SCMP_ACT_ALLOW' })).toEqual([]);
    expect(closed(tested, { names: ['socket'], action: 'SCMP_ACT_ALLOW' })).toEqual([]);
    expect(closed({ ...tested, action: 'SCMP_ACT_ERRNO' })).toEqual([]);
  });
});

describe('resolveProfile', () => {
  it('leaves out rules for capabilities and architectures that are not there', () => {
    const { main } = resolveProfile(
      profile({
        syscalls: [
          { names: ['a'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
          { names: ['b'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_CHOWN'] } },
          { names: ['c'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_CHOWN'] } },
          { names: ['d'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['arm64'] } },
          { name: 'e', action: 'SCMP_ACT_ALLOW', args: null },
        ],
      }),
      context,
    );
    expect(main.rules.map(({ names }) => names[0])).toEqual(['b', 'e']);
  });

  it('knows which kernel a rule is for', () => {
    const rule = (name: string, condition: object) => ({ names: [name], action: 'SCMP_ACT_ALLOW', ...condition });
    const syscalls = [
      rule('a', { includes: { minKernel: '4.8' } }),
      rule('b', { includes: { minKernel: '6.2' } }),
      rule('c', { excludes: { minKernel: '6.1' } }),
      rule('d', { excludes: { minKernel: '10.0' } }),
    ];
    const { main } = resolveProfile(profile({ syscalls }), context);
    expect(main.rules.map(({ names }) => names[0])).toEqual(['a', 'd']);
  });

  it.each([
    ['not JSON', '{'],
    ['no default', '{}'],
    ['null', 'null'],
    ['an unknown action', '{"defaultAction":"SCMP_ACT_NOTIFY"}'],
    ['an errno out of range', '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":70000}'],
    ['an action of every object', '{"defaultAction":"toString"}'],
    ['another process that decides', '{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/x"}'],
    ['a flag that opens', '{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]}'],
    [
      'a name that is none',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a b"],"action":"SCMP_ACT_KILL"}]}',
    ],
    ['nesting', '['.repeat(500_000)],
    ['syscalls of another shape', '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}'],
    ['a rule without names', '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_ALLOW"}]}'],
    [
      'an unknown comparison',
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":1,"op":"X"}]}]}',
    ],
  ])('refuses %s', (_, text) => {
    expect(() => resolveProfile(parseProfile(text), context)).toThrow(
      expect.objectContaining({ code: 'seccomp.invalid' }),
    );
  });
});
