/** Who runs this command and which ids they may map: the account, the store in its home, the id mappings. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { IsoError } from '../lib/errors.js';
import { type IdMappings, rootlessMapping } from '../lib/id-mapping.js';
import { libsubidRanges } from '../sys/libsubid.js';
import { STORE } from './container-record.js';
import { whyConfined } from './selinux.js';
import { readSubidLines } from './subid-lines.js';
import { readSubidSource } from './subid-source.js';
import { rangesOf } from './subids.js';
import { realPathOf } from './volumes.js';

export interface OwnIdentity {
  name: string;
  uid: number;
  gid: number;
  /** From the account database: `$HOME` is what anybody says it is. A real path, as the store is: binds follow no symlink. */
  home: string;
  /** The toolkit's store below the home. */
  store: string;
  /** Everything the user may map: id 0 is the user, ids from 1 the subordinate ranges. */
  ids: IdMappings;
}

/** @throws IsoError user.refused for root and for a confined login, user.not-provisioned when a user has no subordinate uids or no subordinate gids */
export function readOwnIdentity(): OwnIdentity {
  const { username: name, uid, gid, homedir } = userInfo();
  if (uid === 0) {
    throw new IsoError('user.refused', 'cannot use containers as root', 'the toolkit runs them without privilege', {
      hint: 'run the command as a provisioned user, for example with `runuser -u NAME -- iso-run …`',
    });
  }
  const why = whyConfined();
  if (why !== undefined) {
    throw new IsoError('user.refused', `${name} cannot use containers`, why, {
      hint: `ask the administrator for an unconfined login: \`semanage login -a -s unconfined_u -r s0-s0:c0.c1023 ${name}\``,
    });
  }
  const source = readSubidSource('/');
  const own = (kind: 'uid' | 'gid') =>
    source === undefined ? rangesOf(readSubidLines(`/etc/sub${kind}`), { name, uid }) : libsubidRanges(kind, name);
  const ranges = { uid: own('uid'), gid: own('gid') };
  for (const kind of ['uid', 'gid'] as const) {
    if (ranges[kind].length > 0) continue;
    throw new IsoError(
      'user.not-provisioned',
      `${name} cannot use containers yet`,
      `${source ?? `/etc/sub${kind}`} gives this user no subordinate ${kind}s`,
      {
        hint: `ask the administrator to ${source === undefined ? `run \`iso-setup user ${name}\`` : `give you a range in ${source}`}`,
      },
    );
  }
  const home = realPathOf(homedir);
  const ids = { uid: rootlessMapping(uid, ranges.uid), gid: rootlessMapping(gid, ranges.gid) };
  return { name, uid, gid, home, store: realPathOf(join(home, STORE)), ids };
}
