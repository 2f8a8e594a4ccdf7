import { describe, expect, it } from 'vitest';
import { bindStored, bindVolume, isWithin, protectedDirectories } from '../../../src/run/volumes.js';

const hidden = protectedDirectories('/home/a', 1000);
const volume = (source: string) => ({
  index: 0,
  source,
  destination: '/dst',
  readOnly: false,
  noExec: false,
  origin: `-v ${source}:/dst`,
});
const directory = (realPath: string) => ({ realPath, kind: 'directory' as const, identity: '1:2' });

describe('bindVolume', () => {
  it('refuses what lies in a directory of the toolkit, also behind a symbolic link', () => {
    const link = volume('/home/a/innocent');
    for (const realPath of ['/home/a/.local/share/containers', '/home/a/.config/containers/x', '/run/user/1000/bus']) {
      expect(() => bindVolume(link, directory(realPath), hidden)).toThrow(
        expect.objectContaining({ code: 'volume.refused' }),
      );
    }
  });

  it('covers the directories of the toolkit below an ancestor', () => {
    expect(bindVolume(volume('/home/a'), directory('/home/a'), hidden).masks).toEqual([
      '/dst/.local/share/containers',
      '/dst/.config/containers',
    ]);
    expect(bindVolume(volume('/'), directory('/'), hidden).masks).toEqual([
      '/dst/home/a/.local/share/containers',
      '/dst/home/a/.config/containers',
      '/dst/run/user/1000',
      // There the user's own limits could be written.
      '/dst/sys/fs/cgroup',
    ]);
    expect(bindVolume(volume('/srv'), directory('/srv'), hidden).masks).toEqual([]);
  });

  it('relabels what holds no directory of the toolkit', () => {
    const relabelled = (source: string) => ({ ...volume(source), relabel: 'private' as const });
    expect(bindVolume(relabelled('/srv'), directory('/srv'), hidden).relabel).toBe('private');
    expect(() => bindVolume(relabelled('/home/a'), directory('/home/a'), hidden)).toThrow(/relabel/);
  });

  it('refuses sockets, devices and what does not exist', () => {
    expect(() => bindVolume(volume('/s'), { realPath: '/s', kind: 'socket', identity: '1:2' }, hidden)).toThrow(
      /socket/,
    );
    expect(() => bindVolume(volume('/d'), { realPath: '/d', kind: 'other', identity: '1:2' }, hidden)).toThrow(
      /neither/,
    );
    expect(() => bindVolume(volume('/n'), { missing: 'it does not exist' }, hidden)).toThrow(
      expect.objectContaining({ code: 'volume.missing' }),
    );
  });

  it('compares whole components', () => {
    expect(isWithin('/a/bc', '/a/b')).toBe(false);
    expect(isWithin('/a/b/c', '/a/b')).toBe(true);
    expect(isWithin('/a', '/')).toBe(true);
  });
});

describe('bindStored', () => {
  const named = { ...volume('/store/volumes/a/_data'), named: { name: 'a', adopts: true, own: false } };
  it('binds what was made for it and nothing that stands in its place', () => {
    expect(bindStored(named, directory(named.source))).toMatchObject({
      source: named.source,
      identity: '1:2',
      masks: [],
    });
    expect(() => bindStored(named, directory('/home/a/.config/containers'))).toThrow(/not what was made/);
    expect(() => bindStored(named, { ...directory(named.source), kind: 'file' })).toThrow(/not what was made/);
  });
  it('binds a secret as a file', () => {
    const secret = { ...volume('/store/secrets/a'), secret: true };
    expect(bindStored(secret, { ...directory('/store/secrets/a'), kind: 'file' })).toMatchObject({ kind: 'file' });
    expect(() => bindStored(secret, directory('/store/secrets/a'))).toThrow(/not what was made/);
  });
  it('describes one that is not made yet', () => {
    expect(bindStored(named, { missing: 'it does not exist' })).toMatchObject({ identity: '' });
  });
});
