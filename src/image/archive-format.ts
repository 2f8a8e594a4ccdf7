/** What an archive is, by its first and last bytes; never by its name. Pure. */

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd';

export const TAR_BLOCK = 512;

const CHECKSUM = { start: 148, end: 156 };

/** Formats by magic number: those we read, and those people try, so that the error can name them. */
const MAGICS: readonly { bytes: number[]; name: string; compression?: Compression }[] = [
  { bytes: [0x1f, 0x8b], name: 'gzip', compression: 'gzip' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], name: 'xz', compression: 'xz' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], name: 'zstd', compression: 'zstd' },
  { bytes: [0x42, 0x5a, 0x68], name: 'bzip2' },
  { bytes: [0x04, 0x22, 0x4d, 0x18], name: 'lz4' },
  { bytes: [0x50, 0x4b], name: 'zip' },
  { bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], name: '7-Zip' },
  { bytes: [0x68, 0x73, 0x71, 0x73], name: 'squashfs' },
  { bytes: [0x7f, 0x45, 0x4c, 0x46], name: 'ELF' },
];

/** True when the block is a tar header: its checksum field is the sum of its bytes, that field read as blanks (tar(5)). */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < TAR_BLOCK) return false;
  const field = Buffer.from(block.subarray(CHECKSUM.start, CHECKSUM.end)).toString('latin1');
  const digits = /^ *([0-7]+)[ \0]/.exec(field)?.[1];
  if (digits === undefined) return false;
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK; i += 1) sum += i >= CHECKSUM.start && i < CHECKSUM.end ? 32 : (block[i] ?? 0);
  return sum === Number.parseInt(digits, 8);
}

/** Compression of an archive that begins with these bytes (a tar block, less when it is shorter), or why it is not one. */
export function detectCompression(first: Uint8Array): { compression: Compression } | { why: string } {
  if (first.length === 0) return { why: 'it is empty' };
  const magic = MAGICS.find(({ bytes }) => bytes.every((byte, i) => first[i] === byte));
  if (magic?.compression !== undefined) return { compression: magic.compression };
  // Before the judgement on a foreign magic: a tar archive begins with a file name, which may well be "PK".
  if (isTarHeader(first)) return { compression: 'none' };
  if (magic !== undefined) return { why: `it is a ${magic.name} file` };
  if (first.length < TAR_BLOCK) return { why: `it has only ${first.length} bytes` };
  if (first.every((byte) => byte === 0))
    return { why: 'it begins with the end mark of a tar archive: nothing is in it' };
  return { why: 'it begins like neither a tar archive nor a file compressed with gzip, xz or zstd' };
}

/**
 * Why a plain tar archive of this length and with these last bytes is cut off, undefined when it is whole: it ends in
 * blocks of zeros. GNU tar itself accepts an end at the border of a member. Compressed files prove their end themselves.
 */
export function findTruncation(length: number, last: Uint8Array): string | undefined {
  if (length % TAR_BLOCK !== 0) return `it ends inside a block, after ${length} bytes`;
  if (last.length < TAR_BLOCK || last.some((byte) => byte !== 0)) return 'it lacks the end mark: it is cut off';
  return undefined;
}
