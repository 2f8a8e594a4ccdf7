/** nsswitch.conf and getsubids(1) as libsubid and shadow write and read them. */

import { describe, expect, it } from 'vitest';
import { furtherServices } from '../../../src/facts/accounts.js';
import { parseGetsubids, parseSubidSource } from '../../../src/facts/subid-source.js';
import { IsoError } from '../../../src/lib/errors.js';
import { createManagedAllocator } from '../../../src/setup/plan-managed.js';

describe('parseSubidSource', () => {
  it.each([
    ['', undefined],
    ['passwd: files sss\n', undefined],
    ['subid: files\n', undefined],
    ['subid:\tsss\n', 'sss'],
    ['SubID: sss files\n', 'sss'],
    ['# subid: sss\n', undefined],
    ['#subid: x\nsubid:   \nsubid: sss # why\n', 'sss'],
    ['subid: sss\nsubid: files\n', 'sss'],
  ])('of %j is %s', (text, source) => {
    expect(parseSubidSource(text)).toBe(source);
  });
});

describe('parseGetsubids', () => {
  it('reads what getsubids prints, names with blanks included, and nothing else', () => {
    const text =
      '0: alice 100000 65536\n1: AD\\eve x 300000 1000\nError fetching ranges\n2: bob 1 0\n3: x 99999999999 1\n';
    expect(parseGetsubids(text)).toEqual([
      { start: 100000, count: 65536 },
      { start: 300000, count: 1000 },
    ]);
  });
});

describe('createManagedAllocator', () => {
  const range = { start: 100000, count: 65536 };
  const managed = new Map([
    ['alice', { source: 'sss', uid: [range], gid: [range] }],
    ['half', { source: 'sss', uid: [range], gid: [] }],
    ['self', { source: 'sss', uid: [{ start: 5000, count: 65536 }], gid: [range] }],
    ['tiny', { source: 'sss', uid: [{ start: 100000, count: 10 }], gid: [range] }],
  ]);
  const allocate = createManagedAllocator(managed, 'sss', 65536);
  const codeOf = (name: string, uid: number) => {
    try {
      allocate({ name, uid });
      return undefined;
    } catch (error) {
      return error instanceof IsoError ? error.code : 'no IsoError';
    }
  };

  it('gives what the source gives and adds nothing', () => {
    expect(allocate({ name: 'alice', uid: 1000 }).uid).toEqual({
      present: [range],
      fresh: undefined,
      managedBy: 'sss',
    });
    expect(allocate({ name: 'tiny', uid: 1000 }).uid).toMatchObject({ fresh: undefined, isShort: true });
  });

  it('refuses users without ranges of both kinds, and a range around the own id', () => {
    expect(codeOf('nobody-there', 1000)).toBe('subid.missing');
    expect(codeOf('half', 1000)).toBe('subid.missing');
    expect(codeOf('self', 5001)).toBe('subid.overlap');
  });
});

describe('services beside the files', () => {
  it.each([
    ['passwd: files systemd sss\n', ['systemd', 'sss']],
    ['# passwd: ldap\n  passwd:\tfiles [NOTFOUND=continue success=return] ldap # last\n', ['ldap']],
    ['passwd: compat\n', ['compat']],
    ['group: ldap\n', []],
    ['', []],
  ])('of %j are %j', (nsswitch, services) => {
    expect(furtherServices(nsswitch, 'passwd')).toEqual(services);
  });
});
