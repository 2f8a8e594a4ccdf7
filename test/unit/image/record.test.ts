import { describe, expect, it } from 'vitest';
import type { ImageRecord } from '../../../src/image/record.js';
import { decodeRecord, layerPath } from '../../../src/image/store.js';
import { findUnused } from '../../../src/image/usage.js';

const HEX = 'ab'.repeat(32);
const RECORD: ImageRecord = {
  schema: 1,
  name: 'team/base:1.0',
  layers: [`sha256:${HEX}`],
  created: '2026-01-02T03:04:05.678Z',
  size: 4096,
  source: 'base.tar',
  config: { env: ['PATH=/bin'], entrypoint: [], cmd: ['/bin/sh'], workdir: '/', user: '' },
};

const decode = (change: object) => decodeRecord(JSON.stringify({ ...RECORD, ...change }), 'x.json');

describe('decodeRecord', () => {
  it('gives back what was written', () => expect(decode({})).toEqual(RECORD));

  it.each([
    ['a layer that is a path', { layers: ['sha256:../../etc'] }],
    ['a digest in capitals', { layers: [`sha256:${HEX.toUpperCase()}`] }],
    ['a digest with a line after it', { layers: [`sha256:${HEX}\n`] }],
    ['no layer', { layers: [] }],
    ['a name that is a path', { name: '../x:latest' }],
    ['another schema', { schema: 2 }],
    ['an unknown field', { extra: true }],
    ['an environment without a name', { config: { ...RECORD.config, env: ['=x'] } }],
    ['a relative working directory', { config: { ...RECORD.config, workdir: 'x' } }],
    ['a size that is none', { size: -1 }],
  ])('refuses %s', (_, change) => {
    expect(() => decode(change)).toThrowError(expect.objectContaining({ code: 'image.invalid' }));
  });

  it.each(['', 'null', '[]', '{', '{"schema":1}'])('refuses the text %j', (text) => {
    expect(() => decodeRecord(text, 'x.json')).toThrowError(expect.objectContaining({ code: 'image.invalid' }));
  });
});

describe('layerPath', () => {
  it('takes a digest', () => expect(layerPath('/s', `sha256:${HEX}`)).toBe(`/s/layers/${HEX}`));
  it.each(['', HEX, `sha256:${HEX}/..`, 'sha256:..', `sha512:${HEX}`, `sha256:${HEX}\n`])('refuses %j', (digest) => {
    expect(() => layerPath('/s', digest)).toThrowError(expect.objectContaining({ code: 'image.invalid' }));
  });
});

describe('findUnused', () => {
  it('keeps a layer that any image names', () => {
    const other = 'cd'.repeat(32);
    expect(findUnused([HEX, other], [RECORD])).toEqual([other]);
    expect(findUnused([HEX, other], [RECORD, { ...RECORD, layers: [`sha256:${other}`] }])).toEqual([]);
    expect(findUnused([HEX], [])).toEqual([HEX]);
  });
});
