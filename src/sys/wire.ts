/** Length-prefixed tokens, the format between us and the native programs: u32 little-endian length, the bytes, one NUL. Pure. */

/** Tokens as bytes. */
export function encodeTokens(tokens: readonly (string | number | Uint8Array)[]): Buffer {
  const texts = tokens.map((token) => (token instanceof Uint8Array ? token : String(token)));
  const sizes = texts.map((text) => (typeof text === 'string' ? Buffer.byteLength(text) : text.length));
  const bytes = Buffer.allocUnsafe(sizes.reduce((total, size) => total + size + 5, 0));
  let at = 0;
  for (const [index, text] of texts.entries()) {
    const size = sizes[index] ?? 0;
    at = bytes.writeUInt32LE(size, at);
    if (typeof text === 'string') bytes.write(text, at);
    else bytes.set(text, at);
    at += size;
    bytes[at++] = 0;
  }
  return bytes;
}

/** Bytes as tokens; undefined when they are cut or overlong. */
export function decodeTokens(bytes: Buffer): Buffer[] | undefined {
  const tokens: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 5) return undefined;
    const end = at + 4 + bytes.readUInt32LE(at);
    if (end >= bytes.length || bytes[end] !== 0) return undefined;
    tokens.push(bytes.subarray(at + 4, end));
    at = end + 1;
  }
  return tokens;
}

/** Shorter texts cost less than the look for them; more of longer ones would be kept than they are worth. */
const [LONG, TOO_LONG] = [1024, 64 * 1024];
const MAX_KEPT = 16;
const kept = new Map<number, { bytes: Buffer; text: string }>();

/** The last long texts are kept, one of each length: in most homes the same file says the same. */
function decodeLong(bytes: Buffer): string {
  const known = kept.get(bytes.length);
  if (known?.bytes.equals(bytes)) return known.text;
  if (kept.size === MAX_KEPT) kept.clear();
  const text = bytes.toString('utf8');
  kept.set(bytes.length, { bytes: Buffer.from(bytes), text });
  return text;
}

const ZERO = 48;

/** Reads tokens one after the other without a copy of each: reports on many homes have hundreds of them a home. */
export function tokenReader(bytes: Buffer) {
  let [start, end, at] = [0, 0, 0];
  let isBroken = false;
  const step = (): boolean => {
    isBroken ||= bytes.length - at < 5;
    if (isBroken) return false;
    start = at + 4;
    end = start + bytes.readUInt32LE(at);
    isBroken = end >= bytes.length || bytes[end] !== 0;
    at = end + 1;
    return !isBroken;
  };
  return {
    /** True once something was asked for that is not there, not whole, or no number. */
    isBroken: () => isBroken,
    isAtEnd: () => at === bytes.length,
    text: (): string => {
      if (!step()) return '';
      const first = bytes[start] ?? 0;
      // Types of entries: one letter, for which decoding costs more than all else.
      if (end - start === 1 && first < 128) return String.fromCharCode(first);
      const isLong = end - start >= LONG && end - start <= TOO_LONG;
      return isLong ? decodeLong(bytes.subarray(start, end)) : bytes.toString('utf8', start, end);
    },
    number: (): number => {
      if (!step()) return 0;
      let value = 0;
      for (let index = start; index < end; index += 1) {
        const digit = (bytes[index] ?? 0) - ZERO;
        isBroken ||= digit < 0 || digit > 9;
        value = value * 10 + digit;
      }
      isBroken ||= start === end || value > Number.MAX_SAFE_INTEGER;
      return value;
    },
  };
}
