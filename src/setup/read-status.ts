/** `iso-setup status`: who may run containers here. */

import { findAccount, readAccountFiles } from '../facts/accounts.js';
import { readProvisionedUser, readProvisionedUsers } from '../facts/provisioned.js';
import type { IdRange } from '../facts/subids.js';

export interface UserStatus {
  user: string;
  uid: number;
  home: string;
  provisioned: boolean;
  uids: IdRange[];
  gids: IdRange[];
}

/** One user, or all provisioned ones by uid. @throws IsoError user.unknown */
export async function readStatus(name: string | undefined): Promise<UserStatus[]> {
  if (name === undefined) {
    const users = await readProvisionedUsers();
    return users.map(({ name: user, uid, home, uids, gids }) => ({ user, uid, home, provisioned: true, uids, gids }));
  }
  const account = await findAccount(readAccountFiles('/'), name);
  const found = readProvisionedUser(account);
  const { uid, home } = account;
  return [
    {
      user: account.name,
      uid,
      home,
      provisioned: found !== undefined,
      uids: found?.uids ?? [],
      gids: found?.gids ?? [],
    },
  ];
}
