import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../../../src/policy/policy.js';
import { checkPrivileged, parseSecurity } from '../../../src/run/options/security.js';
import { decideFilters } from '../../../src/run/seccomp-filters.js';

const parse = (...texts: string[]) => parseSecurity(texts, (path) => `text of ${path}`);

describe('--security-opt', () => {
  it('says what differs from the default', () => {
    expect(parse()).toEqual({ unlabelled: false });
    expect(
      parse('no-new-privileges', 'no-new-privileges:true', 'apparmor=unconfined', 'label=type:container_t'),
    ).toEqual({
      unlabelled: false,
    });
    expect(parse('seccomp=p.json', 'label=disable')).toEqual({
      seccomp: { path: 'p.json', text: 'text of p.json' },
      unlabelled: true,
    });
    expect(parse('seccomp=unconfined').seccomp).toBe('unconfined');
  });

  it.each([
    ['no-new-privileges:false', /always on/],
    ['no-new-privileges=false', /always on/],
    ['label=type:spc_t', /container_t alone/],
    ['label=level:s0:c1,c2', /given to each container/],
    ['label=user:root', /given to each container/],
    ['apparmor=docker-default', /no profile/],
    ['seccomp=', /none of/],
    ['seccomp', /none of/],
    ['systempaths=unconfined', /none of/],
    ['', /none of/],
  ])('refuses %s', (text, why) => {
    expect(() => parse(text)).toThrow(why);
  });

  it('has one filter', () => {
    expect(() => parse('seccomp=unconfined', 'seccomp=x')).toThrow(/twice/);
  });
});

it('--privileged is refused', () => {
  expect(() => checkPrivileged(true)).toThrow(/every wall/);
  expect(checkPrivileged(undefined)).toBeUndefined();
});

describe('the filters', () => {
  const context = { arch: 'x64', capabilities: [], kernel: '6.1.0' };
  const profile = (over: object = {}) => JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', ...over });
  const allow = (...names: string[]) => ({ syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] });
  const toolkit = profile(allow('read', 'seccomp'));
  const own = (text: string) => ({ unlabelled: false, seccomp: { path: 'own.json', text } });
  const replace = { ...DEFAULT_POLICY.run, seccomp: 'replace' as const };
  const decide = (security: Parameters<typeof decideFilters>[0], policy = DEFAULT_POLICY.run) =>
    decideFilters(security, policy, toolkit, context);

  it('are two, of which the second hides benign probes from the log', () => {
    expect(decide({ unlabelled: false }).filters.map(({ log }) => log)).toEqual([true, false]);
  });

  it("of the user's own stand on those of the toolkit, and can only take away", () => {
    const { filters, warning } = decide(own(profile(allow('write', 'seccomp'))));
    expect(filters.map(({ log, filter }) => [log, filter.rules[0]?.names[0]])).toEqual([
      [true, 'read'],
      [false, undefined],
      [true, 'write'],
      [false, undefined],
    ]);
    expect(warning).toBeUndefined();
  });

  it('end with one that allows no further filter', () => {
    for (const text of [
      profile(allow('write')),
      profile({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['seccomp'], action: 'SCMP_ACT_KILL' }] }),
    ]) {
      expect(decide(own(text)).filters.map(({ log }) => log)).toEqual([true, false, false]);
    }
  });

  it('take the place of the toolkit where the policy lets them, and that is said', () => {
    const { filters, warning } = decide(own(profile(allow('write', 'seccomp'))), replace);
    expect(filters[0]?.filter.rules[0]?.names).toEqual(['write', 'seccomp']);
    expect(warning).toMatch(/own\.json/);
    expect(decide({ unlabelled: false, seccomp: 'unconfined' }, replace)).toMatchObject({
      filters: [],
      warning: expect.stringContaining('no system-call filter'),
    });
  });

  it('cannot be left out otherwise', () => {
    expect(() => decide({ unlabelled: false, seccomp: 'unconfined' })).toThrow(
      expect.objectContaining({ code: 'permission.denied', hint: expect.stringContaining('run.seccomp') }),
    );
  });

  it('name the file that is at fault', () => {
    expect(() => decide(own('{'))).toThrow(
      expect.objectContaining({ what: 'cannot use the seccomp profile own.json' }),
    );
  });
});
