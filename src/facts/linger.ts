/** systemd's linger (loginctl(1)): whether a user's manager, with all that it runs, goes on when nobody is logged in. */
import { existsSync } from 'node:fs';

/** systemd's mark of a user with linger, below the root directory. */
export const lingerFile = (name: string) => `var/lib/systemd/linger/${name}`;

/** By which polkit(8) is started: logind asks it whether users may turn on linger of their own. */
export const POLKIT_SERVICE = 'usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service';

/** The user's manager starts at boot and stays without a login. */
export const isLingering = (name: string): boolean => existsSync(`/${lingerFile(name)}`);

/** True when what the user's manager runs ends with the last login; without a manager it is the login's own matter. */
export const endsAtLogout = ({ name, uid }: { name: string; uid: number }): boolean =>
  existsSync(`/run/user/${uid}/systemd/private`) && !isLingering(name);
