/** Tar archives of any shape, header by header (tar(5), ustar): what an attacker can write, so can this. */

export interface Member {
  name: string;
  /** A file when absent. */
  type?: 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';
  text?: string;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  major?: number;
  minor?: number;
  /** The size that the header claims, where it differs from the text's. */
  claimedSize?: number;
}

const BLOCK = 512;
const TYPE = { file: '0', hardlink: '1', symlink: '2', character: '3', block: '4', directory: '5', fifo: '6' } as const;

/** An octal field of `width` bytes, or base-256 where the number is too large for one. */
function number(value: number, width: number): Buffer {
  const octal = value.toString(8);
  if (octal.length < width) return Buffer.from(`${octal.padStart(width - 1, '0')}\0`);
  const field = Buffer.alloc(width);
  field.writeBigUInt64BE(BigInt(value), width - 8);
  field[0] = 0x80;
  return field;
}

function text(value: string, width: number): Buffer {
  const field = Buffer.alloc(width);
  field.write(value, 'utf8');
  return field;
}

function header(member: Member, size: number): Buffer {
  const type = member.type ?? 'file';
  const block = Buffer.concat(
    [
      text(member.name, 100),
      number(member.mode ?? (type === 'directory' ? 0o755 : 0o644), 8),
      number(member.uid ?? 0, 8),
      number(member.gid ?? 0, 8),
      number(member.claimedSize ?? size, 12),
      number(1_600_000_000, 12),
      Buffer.alloc(8, ' '),
      Buffer.from(TYPE[type]),
      text(member.link ?? '', 100),
      Buffer.from('ustar\x0000'),
      text('', 64),
      number(member.major ?? 0, 8),
      number(member.minor ?? 0, 8),
    ],
    BLOCK,
  );
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** The archive without its end mark. */
export function members(list: readonly Member[]): Buffer {
  return Buffer.concat(
    list.flatMap((member) => {
      const body = Buffer.from(member.text ?? '');
      return [header(member, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
    }),
  );
}

/** A whole archive. */
export function tar(list: readonly Member[]): Buffer {
  return Buffer.concat([members(list), Buffer.alloc(2 * BLOCK)]);
}

/** A small root file system with what an import must keep: owners, modes, links, a setuid program, device nodes. */
export const ROOT_FILE_SYSTEM: readonly Member[] = [
  { name: './', type: 'directory' },
  { name: './bin/', type: 'directory' },
  { name: './bin/sh', text: '#!', mode: 0o755 },
  { name: './bin/su', text: 'su', mode: 0o4755 },
  { name: './bin/ash', type: 'symlink', link: 'sh' },
  { name: './bin/again', type: 'hardlink', link: './bin/sh' },
  { name: './etc/', type: 'directory' },
  { name: './etc/shadow', text: 'root:*', mode: 0o640, gid: 42 },
  { name: './var/', type: 'directory' },
  { name: './var/www/', type: 'directory', uid: 33, gid: 33, mode: 0o2700 },
  { name: './var/www/index', text: 'hello', uid: 33, gid: 33 },
  { name: './tmp/', type: 'directory', mode: 0o1777 },
  { name: './run-pipe', type: 'fifo' },
  { name: './dev/', type: 'directory' },
  { name: './dev/null', type: 'character', major: 1, minor: 3, mode: 0o666 },
  { name: './dev/sda', type: 'block', major: 8, minor: 0 },
];
