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
