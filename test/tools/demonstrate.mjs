// Shows commands of root and of the demo user with their real output, and what the host sees of a container.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { kill } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { output, run, StageError, say } from './stage.mjs';

export const USER = 'iso-demo';
const PATH = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';
const ROOT_ENV = { PATH, HOME: '/root', LC_ALL: 'C.UTF-8' };

const ANY_STATUS = Array.from({ length: 256 }, (_, status) => status);

const quote = (words) =>
  words.map((word) => (/^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');

/** Shows a command with its output as it comes; it must end with a status in `accept`, also when it shall be refused. */
function show(prompt, words, program, args, { accept = [0], env = ROOT_ENV, cwd = '/' } = {}) {
  say(`\n${prompt} ${quote(words)}`);
  const ended = run(program, args, { env, cwd, accept: ANY_STATUS }).status;
  if (!accept.includes(ended)) {
    throw new StageError(`${quote(words)}: ended with status ${ended}, expected ${accept.join(' or ')}`);
  }
  if (ended !== 0) say(`[status ${ended}]`);
}

export const asRoot = (words, options) => show('#', words, words[0], words.slice(1), options);

/** As the demo user in a login's environment, which is all that an ordinary user has. */
const userArguments = (words) => [
  ...['-u', USER, '--', 'env', '-i', `HOME=/home/${USER}`, `USER=${USER}`, `PATH=${PATH}`, 'LC_ALL=C.UTF-8'],
  ...words,
];

export const asUser = (words, options) =>
  show(`${USER}$`, words, 'runuser', userArguments(words), { cwd: `/home/${USER}`, ...options });

export const succeeds = (program, args, cwd = '/') =>
  run(program, args, { capture: true, cwd, accept: ANY_STATUS }).status === 0;

export const succeedsAsUser = (words) => succeeds('runuser', userArguments(words), `/home/${USER}`);

/** The pid, as the host counts, of the container's process that runs `sleep SECONDS`. */
async function findSleeper(duration, container) {
  for (let tries = 0; tries < 200 && container.exitCode === null; tries++) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const cmdline = readIfThere(`/proc/${pid}/cmdline`).split('\0');
      // Inside its own pid namespace it has a second pid.
      const isInside = /^NSpid:\t\d+\t\d/m.test(readIfThere(`/proc/${pid}/status`));
      if (isInside && cmdline[0] === 'sleep' && cmdline[1] === duration) return pid;
    }
    await sleep(50);
  }
  throw new StageError('the container with `sleep` did not come up');
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Does `work` while a container of the demo user sleeps; it gets the pid of the sleeper. */
export async function withContainer(work) {
  const duration = '7654';
  const words = ['iso-run', 'run', '--rm', 'base', 'sleep', duration];
  say(`\n${USER}$ ${quote(words)} &`);
  const container = spawn('runuser', userArguments(words), { cwd: `/home/${USER}`, stdio: 'ignore', env: ROOT_ENV });
  const ended = new Promise((resolve) => container.on('exit', resolve));
  const pid = await findSleeper(duration, container);
  try {
    await work(pid);
  } finally {
    kill(Number(pid), 'SIGKILL');
    await ended;
  }
}

/** What the host sees of a container's process beside itself: read by root from /proc, not asked of the container. */
export function compareFromOutside(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const uid = /^Uid:\t(\d+)/m.exec(status)[1];
  const pids = /^NSpid:\t(.*)$/m.exec(status)[1].split('\t');
  const own = output('getent', ['passwd', USER]).split(':')[2];
  say(
    `\nThe same process in the host's /proc: uid ${uid} (${USER} is ${own}), pid ${pids[0]} (inside ${pids.at(-1)}), its ids`,
  );
  for (const line of readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split('\n')) {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number);
    say(`  ${inside} to ${inside + count - 1} inside are ${outside} to ${outside + count - 1} outside`);
  }
  say(`  ${'namespace'.padEnd(10)} ${'host'.padEnd(12)} container`);
  for (const name of ['user', 'pid', 'mnt', 'net', 'ipc', 'uts', 'cgroup']) {
    const [host, inside] = ['self', pid].map((of) => readlinkSync(`/proc/${of}/ns/${name}`).replace(/^.*\[|\]$/g, ''));
    if (host === inside) throw new StageError(`the container shares the ${name} namespace of the host`);
    say(`  ${name.padEnd(10)} ${host.padEnd(12)} ${inside}`);
  }
}
