import { describe, expect, it } from 'vitest';
import { options } from './spec-facts.js';

describe('--tz', () => {
  it('is a bind of the zone on /etc/localtime', () => {
    for (const flags of [{ tz: 'Europe/Berlin' }, { timezone: 'Europe/Berlin' }]) {
      expect(options({ ...flags, tmpfs: ['/t'], volume: ['/a:/b'] }).volumes.slice(1)).toEqual([
        {
          index: 1,
          source: '/usr/share/zoneinfo/Europe/Berlin',
          destination: '/etc/localtime',
          readOnly: true,
          noExec: true,
          origin: '--tz Europe/Berlin',
        },
      ]);
    }
    expect(options({ tz: 'local' }).volumes).toMatchObject([{ source: '/etc/localtime' }]);
    expect(options({ tz: 'Etc/GMT+1' }).volumes).toMatchObject([{ source: '/usr/share/zoneinfo/Etc/GMT+1' }]);
  });

  it.each([
    '',
    '/etc/shadow',
    '../../etc/shadow',
    'Europe/../../../etc/shadow',
    'a/b/c/d',
    'a//b',
    '.',
    'x'.repeat(65),
  ])('refuses %j', (tz) => {
    expect(() => options({ tz })).toThrow(/neither local nor a zone/);
  });

  it('is one, and at one place', () => {
    expect(() => options({ tz: 'UTC', timezone: 'UTC' })).toThrow(/is the same/);
    expect(() => options({ tz: 'UTC', volume: ['/a:/etc/localtime'] })).toThrow(/another volume/);
  });
});
