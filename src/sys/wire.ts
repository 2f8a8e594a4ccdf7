/** Length-prefixed tokens, the format between us and the native programs: u32 little-endian length, the bytes, one NUL. Pure. */

/** Tokens as bytes. */
export function encodeTokens(tokens: readonly (string | number | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const token of tokens) {
    const bytes = token instanceof Uint8Array ? token : Buffer.from(String(token));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    parts.push(length, bytes, Buffer.alloc(1));
  }
  return Buffer.concat(parts);
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
