import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addGroups } from '../../../src/run/image-user.js';
import { parseEntrypoint } from '../../../src/run/options/entrypoint.js';
import { parseEnvFile } from '../../../src/run/options/environment.js';
import { parseLabel, parseLabelFile } from '../../../src/run/options/labels.js';
import { parseWorkdir } from '../../../src/run/options/names.js';
import { parseHost, parseResolver } from '../../../src/run/options/resolver.js';
import { parseSecret } from '../../../src/run/options/secrets.js';
import { parseStopSignal, parseStopTimeout } from '../../../src/run/options/stopping.js';
import { parseSysctls } from '../../../src/run/options/sysctls.js';
import { parseUlimits } from '../../../src/run/options/ulimits.js';
import { parseRunOptions, type RunFlags } from '../../../src/run/options.js';

const refused = expect.objectContaining({ code: 'usage.invalid' });
const parse = (flags: RunFlags, files: Record<string, string> = {}) =>
  parseRunOptions('image', [], flags, {
    cwd: '/',
    env: { HAS: 'it' },
    arch: 'x64',
    readText: (path) => files[path] ?? '',
  });

describe('files of values', () => {
  const text = '\ufeff# comment\r\n\r\n A=b c=d \r\nHAS\nHAS_NOT\n  # another\nEMPTY=\n';
  it('are read as Docker reads them', () => {
    expect(parseEnvFile('f', text, { HAS: 'it' })).toEqual(['A=b c=d ', 'HAS=it', 'EMPTY=']);
    expect(parseLabelFile('f', 'a=b=c\nd\n')).toEqual([
      { name: 'a', value: 'b=c' },
      { name: 'd', value: '' },
    ]);
  });
  it('name the line and keep the value to themselves', () => {
    expect(() => parseEnvFile('f', 'A=1\nB C=secret\n', {})).toThrow(/--env-file f, line 2/);
    expect(() => parseEnvFile('f', 'B C=secret\n', {})).not.toThrow(/secret/);
    expect(() => parseEnvFile('f', 'A=1\0', {})).toThrow(refused);
    expect(() => parseEnvFile('f', 'A=1\n'.repeat(1001), {})).toThrow(refused);
  });
  it('give way to the command line', () => {
    const { env, labels } = parse({ env: ['A=2'], envFile: ['f'], label: ['a=2'], labelFile: ['f'] }, { f: 'A=1\n' });
    expect(env).toEqual(['A=1', 'A=2']);
    expect(labels.map(({ value }) => value)).toEqual(['1', '2']);
  });
});

describe('one value', () => {
  it('of --entrypoint is a word or a list', () => {
    expect(parseEntrypoint('/bin/x y')).toEqual(['/bin/x y']);
    expect(parseEntrypoint('["a","b c"]')).toEqual(['a', 'b c']);
    expect(parseEntrypoint('')).toEqual([]);
    for (const text of ['[', '[1]', '["a",{}]']) expect(() => parseEntrypoint(text)).toThrow(refused);
  });
  it.each([
    ['TERM', 'SIGTERM'],
    ['sigint', 'SIGINT'],
    ['9', 'SIGKILL'],
    ['RTMIN+3', 'SIGRTMIN+3'],
    ['SIGRTMAX-1', 'SIGRTMIN+29'],
    ['34', 'SIGRTMIN'],
  ])('of --stop-signal may be %s', (text, name) => {
    expect(parseStopSignal(text)).toBe(name);
  });
  it.each(['', '0', '33', '65', 'RTMIN-1', 'RTMAX+1', 'RTMIN+31', 'RTMIN3', 'toString', '1e1', 'TERM\n'])(
    'of --stop-signal is not %j',
    (text) => {
      expect(() => parseStopSignal(text)).toThrow(refused);
    },
  );
  it('of --stop-timeout is seconds, of --workdir a path', () => {
    expect(parseStopTimeout('0')).toBe(0);
    for (const text of ['', '-1', '1.5', '86401']) expect(() => parseStopTimeout(text)).toThrow(refused);
    for (const text of ['', 'tmp', `/${'x'.repeat(4096)}`]) expect(() => parseWorkdir(text)).toThrow(refused);
  });
});

describe('labels', () => {
  it('have a name', () => {
    expect(parseLabel('a')).toEqual({ name: 'a', value: '' });
    for (const text of ['', '=x', 'a b=c', 'a\n=c', `${'a'.repeat(257)}=`])
      expect(() => parseLabel(text)).toThrow(refused);
  });
});

describe('--ulimit', () => {
  it('has a soft and a hard limit', () => {
    expect(parseUlimits(['nofile=64:128', 'core=-1', 'STACK=0'])).toMatchObject([
      { resource: 7, soft: 64n, hard: 128n },
      { resource: 4, soft: 2n ** 64n - 1n, hard: 2n ** 64n - 1n },
      { resource: 3, soft: 0n, hard: 0n },
    ]);
  });
  it.each(['', 'nofile', 'nofile=', 'nofile=2:1', 'nofile=1:2:3', 'bogus=1', 'nofile=x', 'nofile=-2'])(
    'refuses %j',
    (text) => {
      expect(() => parseUlimits([text])).toThrow(refused);
    },
  );
  it('has one value a name', () => {
    expect(() => parseUlimits(['core=1', 'CORE=2'])).toThrow(/twice/);
  });
});

describe('names and name servers', () => {
  it('are addresses', () => {
    expect(parseHost('db:10.0.0.1')).toEqual({ name: 'db', address: '10.0.0.1' });
    expect(parseHost('db=[::1]')).toEqual({ name: 'db', address: '::1' });
    expect(parseResolver({})).toBeUndefined();
    expect(parseResolver({ dns: ['::1'], dnsSearch: ['.'], dnsOption: ['ndots:2'] })).toEqual({
      servers: ['::1'],
      search: [],
      options: ['ndots:2'],
    });
  });
  it.each(['', 'db', 'db:', ':1.2.3.4', 'db:host-gateway', 'd b:1.2.3.4', 'db:1.2.3.4\n0.0.0.0 x', 'db:1.2.3'])(
    'refuses --add-host %j',
    (text) => {
      expect(() => parseHost(text)).toThrow(refused);
    },
  );
  it('never write a line of their own making', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const read of [
          () => parseResolver({ dns: [text] }),
          () => parseResolver({ dnsSearch: [text] }),
          () => parseResolver({ dnsOption: [text] }),
          () => parseHost(`${text}:::1`),
        ]) {
          try {
            expect(JSON.stringify(read())).not.toMatch(/\\n|\s/);
          } catch (error) {
            expect(error).toMatchObject({ code: 'usage.invalid' });
          }
        }
      }),
    );
    expect(() => parseResolver({ dns: ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4'] })).toThrow(/at most 3/);
  });
});

describe('--sysctl', () => {
  it('reaches the settings of namespaces of our own', () => {
    expect(
      parseSysctls([
        'net.ipv4.ip_forward=1',
        'net/ipv4/conf/a.b/forwarding=1',
        'kernel.sem=1 2 3 4',
        'fs.mqueue.msg_max=5',
      ]),
    ).toEqual([
      { path: 'net/ipv4/ip_forward', value: '1', owner: 'network' },
      { path: 'net/ipv4/conf/a.b/forwarding', value: '1', owner: 'network' },
      { path: 'kernel/sem', value: '1 2 3 4', owner: 'ipc' },
      { path: 'fs/mqueue/msg_max', value: '5', owner: 'ipc' },
    ]);
  });
  it.each([
    '',
    'net.x',
    'net.x=',
    'kernel.core_pattern=|/x',
    'kernel.shm/../core_pattern=1',
    'net/../kernel/core_pattern=1',
    'net//x=1',
    'net.ipv4.a=1\n2',
    'vm.overcommit_memory=1',
    'fs.file-max=1',
    'network.x=1',
  ])('refuses %j', (text) => {
    expect(() => parseSysctls([text])).toThrow(refused);
  });
});

describe('--group-add', () => {
  const user = { uid: 0, gid: 0, groups: [0], home: '/' };
  const add = (...names: string[]) => addGroups(user, names, 'audio:x:29:\n', 1000).groups;
  it('takes names and numbers of the image', () => {
    expect(add('audio', '7', '29')).toEqual([0, 29, 7]);
    for (const name of ['', 'video', '1000', 'keep-groups', '-1']) expect(() => add(name)).toThrow(refused);
    expect(() => add(...Array.from({ length: 33 }, (_, id) => String(id)))).toThrow(refused);
  });
});

describe('what this runtime has one of', () => {
  it('is taken by its name', () => {
    expect(parse({ network: 'none', pull: 'missing', platform: 'linux/amd64', readOnlyTmpfs: 'false' })).toMatchObject({
      readOnlyTmpfs: false,
    });
  });
  it.each<[RunFlags, RegExp]>([
    [{ network: 'host' }, /loopback/],
    [{ network: '' }, /loopback/],
    [{ pull: 'always' }, /registry/],
    [{ pull: 'x' }, /none of/],
    [{ platform: 'linux/arm64' }, /linux\/amd64/],
    [{ platform: 'windows' }, /linux\/amd64/],
    [{ readOnlyTmpfs: '1' }, /true or false/],
    [{ label: Array.from({ length: 1001 }, () => 'a') }, /1000/],
  ])('and else refused: %j', (flags, why) => {
    expect(() => parse(flags)).toThrow(why);
  });
});

describe('--secret', () => {
  it('is a file or a variable', () => {
    expect(parseSecret('a')).toMatchObject({ name: 'a', type: 'mount', target: '/run/secrets/a' });
    expect(parseSecret('a,target=b/../c')).toMatchObject({ target: '/run/secrets/c' });
    expect(parseSecret('a,type=mount,target=/x')).toMatchObject({ target: '/x' });
    expect(parseSecret('a,type=env,target=B')).toMatchObject({ type: 'env', target: 'B' });
  });
  it.each([
    '',
    ',type=env',
    '../a',
    'a,type=x',
    'a,type=env,type=env',
    'a-b,type=env',
    'a,type=env,target=B=C',
    'a,target=../../..',
    'a,target=/dev/x',
    'a,mode=0400',
    'a,bogus=1',
    'a,',
  ])('refuses %j', (text) => {
    expect(() => parseSecret(text)).toThrow(refused);
  });
});
