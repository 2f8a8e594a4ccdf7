/** Tokens between us and the native programs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeTokens, encodeTokens, tokenReader } from '../../../src/sys/wire.js';

describe('tokenReader', () => {
  it('reads what was encoded, as decodeTokens does', () => {
    const token = fc.oneof(fc.string({ unit: 'grapheme' }), fc.nat(), fc.maxSafeNat());
    fc.assert(
      fc.property(fc.array(token), (tokens) => {
        const bytes = encodeTokens(tokens);
        const reader = tokenReader(bytes);
        const read = tokens.map((one) => (typeof one === 'number' ? reader.number() : reader.text()));
        expect(read).toEqual(tokens);
        expect([reader.isBroken(), reader.isAtEnd()]).toEqual([false, true]);
        expect(decodeTokens(bytes)?.map(String)).toEqual(tokens.map(String));
      }),
    );
  });

  it('takes no long text for another of its length, nor for one that it has forgotten', () => {
    const lengths = Array.from({ length: 20 }, (_, index) => 1020 + index);
    const texts = lengths.flatMap((length) => ['a', 'b', 'é'].map((char) => char.repeat(length)));
    for (const text of [...texts, ...texts.reverse(), 'x'.repeat(70_000), 'y'.repeat(70_000)]) {
      const bytes = encodeTokens([text]);
      expect(tokenReader(bytes).text()).toBe(text);
      bytes.fill(0);
      expect(tokenReader(encodeTokens([text])).text()).toBe(text);
    }
  });

  it('says of bytes that are cut anywhere that they are broken', () => {
    const bytes = encodeTokens(['alice', 70001]);
    for (let size = 0; size < bytes.length; size += 1) {
      const reader = tokenReader(bytes.subarray(0, size));
      reader.text();
      reader.number();
      expect(reader.isBroken()).toBe(true);
    }
  });

  it.each(['', '-1', '1e3', ' 1', '0x10', '9007199254740993', 'alice'])('takes %j for no number', (text) => {
    const reader = tokenReader(encodeTokens([text]));
    reader.number();
    expect(reader.isBroken()).toBe(true);
  });

  it('gives nothing beyond a token that is too long', () => {
    const reader = tokenReader(Buffer.from([255, 255, 255, 255, 97, 0, 1, 0, 0, 0, 98, 0]));
    expect([reader.text(), reader.text(), reader.isBroken()]).toEqual(['', '', true]);
  });
});
