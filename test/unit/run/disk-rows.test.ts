import { describe, expect, it } from 'vitest';
import type { ImageRecord } from '../../../src/image/record.js';
import { diskRows } from '../../../src/run/disk-rows.js';
import { parseDiskUse } from '../../../src/run/disk-use.js';
import { parsePruneFilters } from '../../../src/run/prune-filters.js';
import type { Container } from '../../../src/run/records.js';

const image = (name: string, ...layers: string[]) =>
  ({ name, layers: layers.map((one) => `sha256:${one}`) }) as ImageRecord;
const container = (id: string, running: boolean, of: string, volumes: string[] = []) =>
  ({ record: { id, image: of, volumes }, running }) as Container;

describe('what du says', () => {
  it('is taken of what lies right below the parts alone', () => {
    const use = parseDiskUse(
      '5\t/containers/a\0' + '9\t/containers\0' + '7\t/volumes/v\nw\0' + '1\t/etc/x\0' + 'x\t/layers/l\0',
    );
    expect([...use.containers]).toEqual([['a', 5]]);
    expect([...use.volumes]).toEqual([['v\nw', 7]]);
    expect([...use.layers]).toEqual([]);
  });
});

describe('rows of system df', () => {
  it('count a shared layer once, and as used when one image is', () => {
    const use = parseDiskUse(
      '100\t/layers/s\0' + '10\t/layers/a\0' + '1\t/layers/b\0' + '4\t/containers/x\0' + '2\t/containers/y\0',
    );
    const images = [image('a:1', 's', 'a'), image('b:1', 's', 'b')];
    const stored = { images, containers: [container('x', true, 'a:1'), container('y', false, 'a:1')], volumes: [] };
    expect(
      diskRows(stored, use).map(({ Total, Active, RawSize, RawReclaimable }) => [
        Total,
        Active,
        RawSize,
        RawReclaimable,
      ]),
    ).toEqual([
      [2, 1, 111, 1],
      [2, 1, 6, 2],
      [0, 0, 0, 0],
    ]);
  });
});

describe('filters', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  const old = { created: '2026-01-01T00:00:00.000Z', labels: { a: '1' } };
  const young = { created: '2026-01-01T23:59:00.000Z' };
  it.each<[string[], boolean, boolean]>([
    [[], true, true],
    [['until=10m'], true, false],
    [['until=2025-01-01'], false, false],
    [['label=a'], true, false],
    [['label=a=2'], false, false],
    [['label!=a'], false, true],
    [['label!=a', 'until=10m'], false, false],
  ])('%j must all hold', (filters, ofOld, ofYoung) => {
    const fits = parsePruneFilters(filters, now);
    expect([fits(old), fits(young)]).toEqual([ofOld, ofYoung]);
  });
});
