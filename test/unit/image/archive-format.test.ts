import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectCompression, findTruncation, isTarHeader, TAR_BLOCK } from '../../../src/image/archive-format.js';
import { members, tar } from '../../integration/tar-writer.js';

const padded = (...bytes: number[]) => Buffer.concat([Buffer.from(bytes)], TAR_BLOCK);

describe('detectCompression', () => {
  it.each([
    ['gzip', [0x1f, 0x8b, 8]],
    ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
    ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ])('knows %s', (compression, bytes) => {
    expect(detectCompression(padded(...bytes))).toEqual({ compression });
    expect(detectCompression(Buffer.from(bytes))).toEqual({ compression });
  });

  it('knows a plain archive by its header, also one whose first name is a magic number', () => {
    expect(detectCompression(tar([{ name: './', type: 'directory' }]).subarray(0, TAR_BLOCK))).toEqual({
      compression: 'none',
    });
    expect(detectCompression(tar([{ name: 'PK' }]).subarray(0, TAR_BLOCK))).toEqual({ compression: 'none' });
  });

  it('knows the old format, which has no magic number', () => {
    const block = Buffer.from(members([{ name: 'etc/', type: 'directory' }]).subarray(0, TAR_BLOCK));
    block.fill(0, 257, TAR_BLOCK);
    block.fill(' ', 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(detectCompression(block)).toEqual({ compression: 'none' });
  });

  it.each([
    ['it is empty', Buffer.alloc(0)],
    ['it is a zip file', padded(0x50, 0x4b, 3, 4)],
    ['it is a bzip2 file', padded(0x42, 0x5a, 0x68)],
    ['it has only 3 bytes', Buffer.from('abc')],
  ])('says that %s', (why, bytes) => expect(detectCompression(bytes)).toEqual({ why }));

  it('answers for any bytes, and calls nothing random a tar archive', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1024 }), (bytes) => {
        const answer = detectCompression(bytes);
        if ('compression' in answer && answer.compression === 'none') expect(isTarHeader(bytes)).toBe(true);
        else expect('compression' in answer || answer.why.length > 0).toBe(true);
      }),
    );
  });
});

describe('isTarHeader', () => {
  it('holds for what is written and fails for any changed byte', () => {
    const block = members([{ name: 'usr/bin/env', mode: 0o755, uid: 33 }]).subarray(0, TAR_BLOCK);
    expect(isTarHeader(block)).toBe(true);
    fc.assert(
      fc.property(fc.nat(147), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(block);
        changed[at] = ((changed[at] ?? 0) + change) % 256;
        expect(isTarHeader(changed)).toBe(false);
      }),
    );
  });
});

describe('findTruncation', () => {
  const zeros = Buffer.alloc(TAR_BLOCK);
  it('accepts whole blocks that end in zeros', () => expect(findTruncation(10_240, zeros)).toBeUndefined());
  it('refuses a part of a block', () => expect(findTruncation(10_241, zeros)).toContain('10241'));
  it('refuses a last block that is none of zeros', () => {
    expect(findTruncation(1024, Buffer.alloc(TAR_BLOCK, 1))).toContain('cut off');
  });
});
