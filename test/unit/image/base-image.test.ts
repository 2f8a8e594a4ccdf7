import { closeSync, openSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseApplets, parseVersion, planTree } from '../../../src/image/busybox-tree.js';
import { firstComplaints } from '../../../src/image/confined-tools.js';
import { isStaticElf } from '../../../src/image/elf.js';
import { judgeTop } from '../../../src/image/layer.js';
import { findExcess, MAX_LAYER_BYTES, MAX_LAYER_ENTRIES } from '../../../src/image/space.js';

function head(file: string): Buffer {
  const bytes = Buffer.alloc(65_536);
  const fd = openSync(file, 'r');
  const length = readSync(fd, bytes, 0, bytes.length, 0);
  closeSync(fd);
  return bytes.subarray(0, length);
}

describe('planTree', () => {
  const entries = planTree(
    '/bin/busybox',
    '1.35.0',
    parseApplets('bin/sh\nusr/bin/env\nusr/bin/[\nlinuxrc\nsbin/init\n'),
  );

  it('names each path once, below a directory that came before', () => {
    const seen = new Set(['.']);
    for (const { path } of entries) {
      expect(seen.has(path)).toBe(false);
      expect(seen.has(dirname(path))).toBe(true);
      seen.add(path);
    }
  });

  it('links applets to BusyBox and holds what programs look for', () => {
    const paths = entries.filter(({ kind }) => kind === 'link').map(({ path }) => path);
    expect(paths).toEqual(['bin/sh', 'sbin/init', 'usr/bin/[', 'usr/bin/env']);
    expect(entries).toContainEqual({ kind: 'directory', path: 'tmp', mode: 0o1777 });
    expect(entries).toContainEqual({ kind: 'copy', path: 'bin/busybox', mode: 0o755, source: '/bin/busybox' });
  });
});

describe('parseApplets', () => {
  it('believes nothing but places of programs', () => {
    expect(parseApplets('../etc/x\n/bin/x\nbin/../x\nbin/a b\nbin/busybox\n\nbin/ok\nbin/ok\n')).toEqual(['bin/ok']);
  });
});

describe('parseVersion', () => {
  it('finds the number', () => {
    expect(parseVersion('BusyBox v1.35.0 (Debian 1:1.35.0-4+b3) multi-call binary.')).toBe('1.35.0');
    expect(parseVersion('something else')).toBe('unknown');
  });
});

describe('isStaticElf', () => {
  it('tells this Node, which has a loader, from no program at all', () => {
    expect(isStaticElf(head(process.execPath))).toBe(false);
    expect(isStaticElf(Buffer.from('#!/bin/sh\n'.repeat(20)))).toBeUndefined();
  });

  it('does not read past the end', () => {
    const whole = head(process.execPath);
    for (let length = 0; length < 200; length += 1) expect(isStaticElf(whole.subarray(0, length))).toBeUndefined();
  });
});

describe('judgeTop', () => {
  const directory = (name: string) => ({ name, directory: true });
  const file = (name: string) => ({ name, directory: false });
  it('takes a root file system, also one with a manifest of its own', () => {
    expect(judgeTop([directory('bin'), file('x')])).toBeUndefined();
    expect(judgeTop([directory('etc'), file('manifest.json')])).toBeUndefined();
  });
  it('refuses image archives and loose files', () => {
    expect(judgeTop([directory('blobs'), file('oci-layout')])?.why).toContain('OCI');
    expect(judgeTop([directory('abc'), file('manifest.json')])?.why).toContain('docker save');
    expect(judgeTop([file('x')])?.why).toContain('no directory');
  });
});

describe('findExcess', () => {
  it('has a bound for bytes and one for entries', () => {
    expect(findExcess({ bytes: MAX_LAYER_BYTES, entries: MAX_LAYER_ENTRIES })).toBeUndefined();
    expect(findExcess({ bytes: MAX_LAYER_BYTES + 1, entries: 1 })).toContain('64.0 GiB');
    expect(findExcess({ bytes: 1, entries: MAX_LAYER_ENTRIES + 1 })).toContain('1000000');
  });
});

describe('firstComplaints', () => {
  it('keeps reasons and drops repetition', () => {
    const said =
      '/usr/bin/tar: a: b\n/usr/bin/tar: a: b\n/usr/bin/tar: Exiting with failure status due to previous errors\n';
    expect(firstComplaints(said)).toBe('tar: a: b');
    expect(firstComplaints('\n')).toBe('');
  });
});
