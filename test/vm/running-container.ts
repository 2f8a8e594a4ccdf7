/** A container held open while root looks at it from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from './use-guest.js';

const SLICE = '/sys/fs/cgroup/user.slice/user-$(id -u alice).slice/user@$(id -u alice).service/iso.slice';

export interface Running {
  /** Its cgroup that holds the limits; the payload's and the storage's lie below. */
  cgroup: string;
  read: (file: string) => Promise<string>;
  /** Kills the payload; how iso-run ended. */
  end: () => Promise<{ status: number | string; stdout: string; stderr: string }>;
}

/** Runs `iso-run run WORDS` as alice, whose command must not end by itself. */
export async function startContainer({ guest }: Lab, words: string): Promise<Running> {
  const ended = guest.shell(`iso-run run --rm ${words}`, { user: 'alice' });
  const stopped = ended.then(({ status, stderr }) => {
    throw new Error(`iso-run ended with ${status} before it was looked at: ${stderr}`);
  });
  const cgroup = (await Promise.race([stopped, findCgroup(guest)])).trim();
  stopped.catch(() => undefined);
  return {
    cgroup,
    read: async (file) => (await guest.sh(`cat ${cgroup}/${file}`)).trim(),
    end: async () => {
      await guest.sh(`kill -9 $(cat ${cgroup}/payload/cgroup.procs)`);
      return ended;
    },
  };
}

async function findCgroup(guest: Lab['guest']): Promise<string> {
  for (let tries = 0; tries < 120; tries++) {
    // The launcher has become the payload when its name is no longer the launcher's.
    // In the unit of the session, or a direct launch in a scope of its own.
    const { stdout } =
      await guest.shell(`for payload in ${SLICE}/{,iso-keeper.service/}iso-*.scope/container/payload; do
      for pid in $(cat $payload/cgroup.procs 2>/dev/null); do
        case $(cat /proc/$pid/comm) in iso-*) ;; *) dirname $payload; exit ;; esac
      done
    done`);
    if (stdout !== '') return stdout;
    await sleep(500);
  }
  throw new Error('no container came up');
}
