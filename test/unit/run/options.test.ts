import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEnv } from '../../../src/run/options/environment.js';
import { parseCpus, parseMemory, parsePids } from '../../../src/run/options/limits.js';
import { parseHostname, parseName } from '../../../src/run/options/names.js';
import { parseVolume } from '../../../src/run/options/volumes.js';
import { parseRunOptions } from '../../../src/run/options.js';

const caller = { cwd: '/', env: {}, arch: 'x64', readText: () => '' };

describe('parseVolume', () => {
  it('reads source, destination and options; relative sources count from the working directory', () => {
    expect(parseVolume('./data:/data:ro', { cwd: '/home/a' })).toMatchObject({
      source: '/home/a/data',
      destination: '/data',
      readOnly: true,
    });
    expect(parseVolume('/a:/b/', { cwd: '/' })).toMatchObject({ source: '/a', destination: '/b', readOnly: false });
  });

  it.each([
    '',
    ':',
    '/a:',
    ':/b',
    '/a:b',
    '/a:/',
    '/a:/..',
    '/a:/b:rw:x',
    '/a:/b:bogus',
    'na me:/b',
    'a',
    '/',
    '/a:/../..',
  ])('refuses %j', (text) => {
    expect(() => parseVolume(text, { cwd: '/' })).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });

  it('takes a name for a volume of the store, and a destination alone for one without a name', () => {
    expect(parseVolume('data:/b:ro', { cwd: '/' })).toMatchObject({
      source: '',
      named: { name: 'data', adopts: true },
      readOnly: true,
      relabel: 'shared',
    });
    expect(parseVolume('data:/b:Z,nocopy', { cwd: '/' })).toMatchObject({
      named: { adopts: false },
      relabel: 'private',
    });
    expect(parseVolume('/b', { cwd: '/' })).toMatchObject({ named: { adopts: true }, destination: '/b' });
    for (const text of ['-a:/b', 'a:/proc', `${'a'.repeat(129)}:/b`, '/a:/b:nocopy'])
      expect(() => parseVolume(text, { cwd: '/' })).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });

  it('never lets a destination leave the root', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const { destination } = parseVolume(`/a:/${text}`, { cwd: '/' });
          expect(destination).toMatch(/^\/[^/]/);
          expect(destination.split('/')).not.toContain('..');
        } catch (error) {
          expect(error).toMatchObject({ code: 'usage.invalid' });
        }
      }),
    );
  });
});

describe('parseEnv', () => {
  it('takes an assignment, or the value of the caller', () => {
    expect(parseEnv('A=b=c', {})).toBe('A=b=c');
    expect(parseEnv('A', { A: '1' })).toBe('A=1');
    expect(parseEnv('A', {})).toBeUndefined();
    expect(() => parseEnv('=x', {})).toThrow('NAME=VALUE');
  });
});

describe('limits', () => {
  it('reads sizes with binary factors', () => {
    expect(parseMemory('64m')).toBe(64 * 2 ** 20);
    expect(parseMemory('1.5G')).toBe(1.5 * 2 ** 30);
  });
  it.each(['', '-1', '1', '1k', 'm', '1e9', '10 0m', '99999999999999999999g'])('refuses --memory %j', (text) => {
    expect(() => parseMemory(text)).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });
  it.each(['', '0', '0.001', '-1', 'one', '1e3', '99999'])('refuses --cpus %j', (text) => {
    expect(() => parseCpus(text)).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });
  it.each(['', '0', '-1', '1.5', '4194305'])('refuses --pids-limit %j', (text) => {
    expect(() => parsePids(text)).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });
});

describe('names', () => {
  it.each(['', '-a', '../x', 'a/b', 'a b', 'ä', 'a'.repeat(129)])('refuses the container name %j', (text) => {
    expect(() => parseName(text)).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });
  it.each(['', '-a', 'a-', 'a_b', 'a\nb', 'a'.repeat(65)])('refuses the host name %j', (text) => {
    expect(() => parseHostname(text)).toThrow(expect.objectContaining({ code: 'usage.invalid' }));
  });
});

describe('volumes', () => {
  const volumes = (...volume: string[]) => parseRunOptions('image', [], { volume }, caller).volumes;

  it.each(['/proc', '/proc/sys', '/sys/fs/cgroup', '/dev', '/dev/null', '/dev/shm/../null', '/x/../proc/'])(
    'may not stand in for %s',
    (destination) => {
      expect(() => volumes(`/src:${destination}`)).toThrow(/cannot use -v/);
    },
  );

  it('may lie beside and in the shared memory', () => {
    expect(volumes('/a:/dev/shm', '/b:/process', '/c:/dev/shm/x')).toHaveLength(3);
  });

  it('have one destination each', () => {
    expect(() => volumes('/a:/x', '/b:/x/')).toThrow(/-v \/b/);
  });
});
