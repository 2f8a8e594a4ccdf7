// Faults on demand, in a guest: a process killed in the middle, a full disk, a directory that takes no writes.
// A power cut is `guest.cutPower()`.

/** @typedef {import('./guest.mjs').Guest} Guest */

/**
 * Runs a command and kills the process that makes the `count`-th of the named system calls (of those it or its children
 * make, each counted apart) before the call is carried out. `struck`: whether any got that far.
 * @param {Guest} guest
 * @param {string} command one simple command, without shell syntax
 * @param {{ calls: string[], count: number, user?: string }} fault
 */
export async function killAtCall(guest, command, { calls, count, user = 'root' }) {
  const set = calls.join(',');
  // strace writes only what was injected; the log tells whether the call was reached at all.
  const log = `/tmp/fault-${user}.log`;
  const inject = `-e trace=${set} -e inject=${set}:signal=KILL:when=${count}`;
  const ended = await guest.shell(`rm -f ${log}; strace -f -qq -o ${log} ${inject} -- ${command}`, { user });
  const struck = (await guest.shell(`grep -c 'killed by SIGKILL' ${log}`)).stdout.trim();
  return { ...ended, struck: Number(struck) > 0 };
}

/**
 * Fills the file system of `directory` to its last block; returns what empties it again.
 * @param {Guest} guest
 * @param {string} directory
 */
export async function fillDisk(guest, directory) {
  const file = `${directory}/.filled`;
  // In steps, since a request that does not fit takes nothing.
  await guest.sh(`for step in 1G 64M 1M 4K; do n=0
    while fallocate -l $step ${file}.$step.$n 2>/dev/null; do n=$((n+1)); done; rm -f ${file}.$step.$n; done; sync`);
  // auditd stops logging on a full disk; the signal tells it to go on (auditd(8)).
  return () => guest.sh(`rm -f ${file}.* && pkill -USR2 -x auditd`);
}

/**
 * Makes a directory read-only for every process of the guest; returns what makes it writable again
 * for all that open files there anew.
 * @param {Guest} guest
 * @param {string} directory
 */
export async function makeReadOnly(guest, directory) {
  await guest.sh(`mount --bind ${directory} ${directory} && mount -o remount,bind,ro ${directory}`);
  return () => guest.sh(`umount --lazy ${directory}`);
}
