/** `iso-setup status`: every user's state, faults of lines, and what is left of accounts that are gone. */
import { describe, expect, it } from 'vitest';
import type { HostStatus } from '../../../src/setup/plan-status.js';
import { onPrivateHost, partsOf } from './private-host.js';

describe('iso-setup status', () => {
  const parts = partsOf(onPrivateHost('status.sh'));
  const parse = (part = '') => JSON.parse(part) as HostStatus;
  const all = parse(parts.json);
  const userOf = (name: string) => all.users.find(({ user }) => user === name);

  it('shows who is provisioned, with ranges and home, and exits with 0 when nothing is wrong', () => {
    const lines = (parts.sound ?? '')
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/));
    expect(lines[0]).toEqual(['USER', 'UID', 'PROVISIONED', 'LINGER', 'UIDS', 'GIDS', 'FAULTS', 'HOME']);
    expect(lines.slice(1).map(([user, , ...rest]) => [user, ...rest])).toEqual([
      ['alice', 'yes', 'off', '524288:65536', '524288:65536', '0', '/home/alice'],
      ['bob', 'yes', 'on', '589824:65536', '589824:65536', '0', '/home/bob'],
      ['dave', 'yes', 'off', '655360:65536', '655360:65536', '0', '/home/dave'],
    ]);
  });

  it('tells faults with file, line and reason, at their owner and together', () => {
    const repeats = expect.stringMatching(/^\/etc\/subuid:\d+: alice:524288:65536: it repeats line 1 /);
    expect(all.faults).toEqual([
      expect.stringMatching(/^\/etc\/subuid:\d+: nobody-believes: it is not OWNER:START:COUNT/),
      repeats,
    ]);
    expect(userOf('alice')?.faults).toEqual([repeats]);
    expect(userOf('bob')?.faults).toEqual([]);
    expect(userOf('carol')).toMatchObject({ provisioned: false, uids: [{ start: 100000, count: 1000 }], gids: [] });
    expect(userOf('carol')?.faults).toEqual([
      '/etc/subuid: no 65536 ids in a row, which subids.count asks for',
      '/etc/subgid: no 65536 ids in a row, which subids.count asks for',
    ]);
  });

  it('lists what is nobody’s: lines of deleted and renamed accounts, and notes of their set-up', () => {
    const owners = all.orphans.map(
      ({ owner, where, what }) => `${owner} ${where.replace(/:\d+$/, '')} ${what.replace(/^uid \d+/, 'uid')}`,
    );
    const ranges = '/var/lib/iso/ranges.json';
    const lost = (id: string) => `dave ${ranges} dave:655360:65536 is in /etc/sub${id} no more`;
    expect(owners.sort()).toEqual([
      '!gone /etc/subuid !gone:8000000:6',
      lost('gid'),
      lost('uid'),
      expect.stringMatching(/^dave \/var\/lib\/iso\/users\/\d+\.json uid was set up and is no account$/),
      'erin /etc/subgid erin:720896:65536',
      'erin /etc/subuid erin:720896:65536',
      expect.stringMatching(/^erin \/var\/lib\/iso\/users\/\d+\.json uid was set up and is erica now$/),
    ]);
  });

  it('is a table with all of it for people; --check exits with 2', () => {
    expect(parts.table).toContain('faults; `iso-setup user --repair --dry-run` shows what puts lines right\n');
    expect(parts.table).toMatch(/\n\norphans, whose ids are given to nobody\nOWNER {2}WHERE/);
    expect(parts.table).toMatch(/status 2\n$/);
  });

  it('shows one user, also one who is gone, and refuses a name that nobody has', () => {
    expect(parse(parts.alice).users.map(({ user }) => user)).toEqual(['alice']);
    expect(parse(parts.alice).faults).toHaveLength(1);
    expect(parse(parts.dave)).toMatchObject({
      users: [],
      orphans: [{ owner: 'dave' }, { owner: 'dave' }, { owner: 'dave' }],
    });
    expect(parts.ghost).toMatch(/code: user\.unknown\nstatus 66\n$/);
  });

  it('finds that ids of an account that is gone go to nobody, until `remove` releases them', () => {
    expect(parts['next of that uid']).toBe('fay:786432:65536\n');
    expect(parts.released).toContain('dave:655360:65536 is in the file no more; its ids are free from now on');
    expect(parts.released).toMatch(/\ngus:655360:65536\n$/);
  });

  it('works for users too', () => {
    expect(parse(parts['as a user']).users).toMatchObject([{ user: 'bob', provisioned: true }]);
  });

  it('goes on for all others when a user has closed the own home to root with FUSE', () => {
    expect(parts['closed home']).toMatch(/^alice +\d+ +yes .*\nbob +\d+ +yes /);
    expect(parts['quota of a closed home']).toMatch(/^bob .*EACCES/m);
    expect(parts['quota of a closed home']).toMatch(/^alice .*home is on /m);
  });
});

describe('ids of a user who is removed', () => {
  const parts = partsOf(onPrivateHost('release.sh'));

  it('stay this user’s while the data stays, since files have them', () => {
    expect(parts.kept).toMatch(/alice has no line there/);
    expect(parts.others).toBe('bob:589824:65536\n');
    expect(parts.again).toBe('bob:589824:65536\nalice:524288:65536\n');
  });

  it('are free when the data is gone', () => {
    expect(parts.purged).toBe('bob:524288:65536\n');
  });
});
