/** Accounts and subordinate ids that are in no file of this host: real plugins of glibc and libsubid, compiled here. */
import { describe, expect, it } from 'vitest';
import { onPrivateHost, partsOf } from './private-host.js';

const here = import.meta.dirname;

let output: string | undefined;
/** One run for all that is seen of it. */
const managedHost = () => (output ??= onPrivateHost('subid-source.sh', [here]));

describe('a host whose nsswitch.conf names a source of subordinate ids', () => {
  const parts = partsOf(managedHost());

  it('takes the ranges from there, and a second run has nothing to do', () => {
    const line = 'alice:1000079360:65536; ranges managed by isotest (nsswitch.conf)';
    expect(parts.alice).toContain(`subuid of isotest: already ${line}`);
    expect(parts.alice).toContain(`subgid of isotest: already ${line}`);
    expect(parts.check).toBe('nothing to do\n');
    expect(parts.bob).toContain('less than subids.count of the policy; ranges managed by isotest');
  });

  it('refuses a user who has none there, beside the others', () => {
    expect(parts.carol).toContain('isotest gives carol no subordinate gids');
    expect(parts.carol).toMatch(/code: subid\.missing\nstatus 78\n$/);
    expect(parts.dave).toContain('alice (uid');
    expect(parts.dave).toContain('isotest gives dave no subordinate uids');
  });

  it('never writes the files, and repairs nothing in them', () => {
    expect(parts.files).toBe('');
    expect(parts.repair).toContain('ranges are managed by isotest, and the files count for nothing');
    expect(parts.repair).toMatch(/status 69\n$/);
  });

  it('says so when the plugin cannot be loaded, instead of believing the files', () => {
    expect(parts.absent).toContain('cannot ask isotest for subordinate ids');
    expect(parts.absent).toContain('install the plugin libsubid_isotest.so');
    expect(parts.absent).toMatch(/status 69\n$/);
  });

  it('is told by status, of everybody who was set up', () => {
    const [all = '', alice = ''] = (parts.status ?? '').trim().split('\n');
    const ranges = [{ start: 1000079360, count: 65536 }];
    expect(JSON.parse(all)).toMatchObject({ managedBy: 'isotest', orphans: [], faults: [] });
    const { users } = JSON.parse(all) as { users: { user: string }[] };
    expect(users.map(({ user }) => user)).toEqual(['alice', 'bob']);
    expect(JSON.parse(alice)).toMatchObject({
      users: [{ user: 'alice', provisioned: true, uids: ranges, gids: ranges }],
    });
  });

  it('is the same host to iso-audit', () => {
    expect(parts.audited?.trim().split('\n')).toEqual(['"alice"', '"bob"', 'user alice', 'user bob']);
  });

  it('is the same host to iso-run', () => {
    expect(parts['iso-run of alice']).not.toContain('why:');
    expect(parts['iso-run of dave']).toContain('isotest gives this user no subordinate uids');
    expect(parts['iso-run of dave']).toContain('give you a range in isotest');
  });
});

describe('a user whose ranges another source gives', () => {
  const parts = partsOf(managedHost());

  it('is not removed while a process has ids of them', () => {
    expect(parts['in use']).toMatch(
      /^ {2}why: {2}process \d+ uses subordinate ids of alice\n {2}code: container\.running\n$/,
    );
  });

  it('keeps them when removed, and loses the lines that iso-setup added before', () => {
    const managed = 'alice:1000079360:65536; given by isotest (nsswitch.conf), and its to take back';
    expect(parts.removed).toContain(`ok      subids     subuid of isotest: ${managed}`);
    expect(parts.removed).toContain(`ok      subids     subgid of isotest: ${managed}`);
    expect(parts.removed).toContain('alice:524288:65536 alice:900000000:5 -> alice:900000000:5');
  });

  it('loses the files that have their ids with --purge, and processes with ids of lines that do not count are others’', () => {
    expect(parts.purged).toMatch(/done +mapped data.*3 entries of subordinate ids/);
    expect(parts.purged).not.toContain('why:');
    expect(parts.purged).toMatch(/No such file or directory\nalice:900000000:5\n$/);
  });

  it('loses the notes of the set-up when the account is gone', () => {
    expect(parts.deleted).toMatch(/done +state +\/var\/lib\/iso\/users\/\d+\.json: present -> absent/);
  });
});

describe('users of a directory', () => {
  const parts = partsOf(onPrivateHost('nss-source.sh', [here]));
  const usersIn = (text = '') => (JSON.parse(text) as { users: { user: string; error?: { why: string } }[] }).users;

  it('are set up by names as Active Directory has them, each once however it is spelt', () => {
    expect(usersIn(parts.names).map(({ user, error }) => [user, error?.why])).toEqual([
      ['CORP\\eve.x$', undefined],
      ['fred@dom.example', undefined],
      ['gina', undefined],
    ]);
    expect(parts.again).toBe('nothing to do\n');
  });

  it('get no range that holds an id of the directory: neither that of a user of the call nor one at an end', () => {
    // 524288 holds gina's own uid, and 589824 is other's.
    expect(parts.subuid).toBe('CORP\\eve.x$:655360:65536\nfred@dom.example:720896:65536\ngina:786432:65536\n');
  });

  it('have what shadow and newuidmap(1) find', () => {
    expect(parts.shadow).toBe('0: CORP\\eve.x$ 655360 65536\n0: fred@dom.example 720896 65536\n');
    expect(
      parts.map
        ?.trim()
        .split('\n')
        .map((row) => row.trim().split(/\s+/).join(' ')),
    ).toEqual(['0 70101 1', '1 655360 65535']);
  });

  it('cannot be set up by the second of two names of one uid', () => {
    expect(parts.twin).toContain('its uid 70101 is the one of CORP\\eve.x$');
    expect(parts.twin).toMatch(/code: user\.refused\nstatus 77\n$/);
  });

  it('cannot write lines of their own by their names', () => {
    expect(parts['upper bits']).toBe('Ċroĺ0:851968:65536\n4\n');
  });

  it('get no id of the directory either when another program takes the planned range before the locks are held', () => {
    // 983040 is late's.
    expect(parts['taken meanwhile']).toBe('hank:1048576:65536\n');
  });

  it('are nobody to --all, since the directory lists nothing', () => {
    expect(usersIn(parts.all)).toEqual([]);
  });
});
