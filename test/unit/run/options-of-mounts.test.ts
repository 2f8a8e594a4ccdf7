import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMounts } from '../../../src/run/options/mount.js';
import { parseShmSize, parseTmpfs } from '../../../src/run/options/tmpfs.js';

const refused = expect.objectContaining({ code: 'usage.invalid' });
const mount = (...texts: string[]) => parseMounts({ mount: texts }, { cwd: '/home/a' });

describe('--mount', () => {
  it('is a bind in words, by any of the names that Podman and Docker have', () => {
    for (const text of [
      'type=bind,source=/a,destination=/b,readonly',
      'type=bind,src=/a,dst=/b,ro=true',
      'target=/b,type=bind,src=/a,ro,bind-propagation=rprivate',
    ]) {
      expect(mount(text).volumes).toMatchObject([{ source: '/a', destination: '/b', readOnly: true, noExec: false }]);
    }
    expect(mount('type=bind,src=./x,dst=/b,relabel=private').volumes).toMatchObject([
      { source: '/home/a/x', readOnly: false, relabel: 'private' },
    ]);
  });

  it('is a volume by its name, or one without', () => {
    expect(mount('src=data,dst=/b,ro').volumes).toMatchObject([{ named: { name: 'data' }, readOnly: true }]);
    expect(mount('type=volume,dst=/b').volumes).toMatchObject([{ source: '', destination: '/b' }]);
  });

  it('is a tmpfs', () => {
    expect(mount('type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700').tmpfs).toMatchObject([
      { destination: '/t', settings: 'size=1048576,mode=700', attributes: 'rw,nosuid,nodev,noexec' },
    ]);
  });

  it.each([
    '',
    ',',
    'type=bind',
    'type=bind,src=/a',
    'type=bind,dst=/b',
    'type=bind,src=,dst=/b',
    'type=bind,src=/a,dst=b',
    'type=bind,src=/a,dst=/b,src=/c',
    'type=bind,src=/a,source=/c,dst=/b',
    'type=bind,src=/a,dst=/b,bogus=1',
    'type=bind,src=/a,dst=/b,ro=maybe',
    'type=bind,src=/a,dst=/b,bind-propagation=shared',
    'type=bind,src=/a,dst=/b,relabel=x',
    'type=bind,src=/a,dst=/b,bind-propagation=Z',
    'type=bind,src=/a,dst=/b,bind-propagation=runbindable',
    'type=bind,src=/a,dst=/proc/x',
    'type=bind,"src=/a,b",dst=/b',
    'type=tmpfs,src=/a,dst=/b',
    'type=tmpfs,dst=/b,tmpfs-size=x',
    'type=image,src=a,dst=/b',
    'type=constructor,dst=/b',
    'src=/a,dst=/b',
    'type=bind,src=name,dst=/b',
    'type=volume,src=/a,dst=/b',
    'type=volume,src=a b,dst=/b',
    'type=volume,src=a',
  ])('refuses %j', (text) => {
    expect(() => mount(text)).toThrow(refused);
  });

  it('numbers its volumes after those of -v, and shares their destinations', () => {
    const flags = { volume: ['/a:/a', '/b:/b'], mount: ['type=bind,src=/c,dst=/c'], tmpfs: ['/d'] };
    expect(parseMounts(flags, { cwd: '/' }).volumes.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(() => parseMounts({ ...flags, tmpfs: ['/c/'] }, { cwd: '/' })).toThrow(/--tmpfs \/c\//);
  });
});

describe('-v', () => {
  const volume = (words: string) => parseMounts({ volume: [`/a:/b:${words}`] }, { cwd: '/' }).volumes[0];
  it('takes the words that say what is so', () => {
    expect(volume('rw,rbind,rprivate,noexec')).toMatchObject({ readOnly: false, noExec: true });
  });
  it.each([
    ['shared', /closed off/],
    ['rslave', /closed off/],
    ['U', /owner/],
    ['O', /layer/],
    ['idmap', /id-mapped/],
    ['suid', /set-id/],
    ['ro,rw', /exclude/],
    ['z,Z', /exclude/],
    ['toString', /unknown/],
  ])('says why not %s', (words, why) => {
    expect(() => volume(words)).toThrow(why);
  });
});

describe('--tmpfs', () => {
  it('is closed to programs, devices and set-id unless it says otherwise', () => {
    expect(parseTmpfs('/t')).toMatchObject({ attributes: 'rw,nosuid,nodev,noexec', settings: 'mode=1777' });
    expect(parseTmpfs('/t:ro,exec,size=50%,mode=0700,uid=7')).toMatchObject({
      attributes: 'ro,nosuid,nodev',
      settings: 'size=50%,mode=0700,uid=7',
    });
  });
  it.each(['', ':', 't', '/', '/dev', '/t:dev', '/t:tmpcopyup', '/t:size=101%', '/t:size=1m,size=2m', '/t:mode=9'])(
    'refuses %j',
    (text) => {
      expect(() => parseTmpfs(text)).toThrow(refused);
    },
  );
  it('never passes on a setting that it does not know', () => {
    fc.assert(
      fc.property(fc.string(), (words) => {
        try {
          for (const setting of parseTmpfs(`/t:${words}`).settings.split(',')) {
            expect(setting).toMatch(/^(size=\d+%?|mode=[0-7]{3,4}|(uid|gid|nr_inodes)=\d+)$/);
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'usage.invalid' });
        }
      }),
    );
  });
});

it('--shm-size is a size', () => {
  expect([parseShmSize('1m'), parseShmSize('0')]).toEqual([1048576, 0]);
  for (const text of ['', '-1', '1e9', '5%']) expect(() => parseShmSize(text)).toThrow(refused);
});
