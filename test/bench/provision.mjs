// How long the set-up of many users takes: ids, tree and templates in a root directory of its own, once and again,
// beside the same done by a shell loop over usermod(8), install(1) and cp(1).
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { progress, run, StageError } from '../tools/stage.mjs';

const FEW = 1000;
const MANY = 10_000;
/** The loop costs so much a user that fewer have to do; its ratios are by the user. */
const LOOPED = 200;
const FIRST_UID = 200_000;

const nameOf = (index) => `bench${index}`;

function makeRoot(count) {
  const root = mkdtempSync('/var/tmp/iso-toolkit-bench-root.');
  chmodSync(root, 0o755);
  for (const folder of ['etc', 'home']) mkdirSync(join(root, folder), { mode: 0o755 });
  const ids = Array.from({ length: count }, (_, index) => ({ name: nameOf(index), uid: FIRST_UID + index }));
  const lines = (make) => `${ids.map(make).join('\n')}\n`;
  writeFileSync(
    join(root, 'etc/passwd'),
    lines(({ name, uid }) => `${name}:x:${uid}:${uid}::/home/${name}:/bin/sh`),
  );
  writeFileSync(
    join(root, 'etc/shadow'),
    lines(({ name }) => `${name}:*:19000:0:99999:7:::`),
  );
  writeFileSync(
    join(root, 'etc/group'),
    lines(({ name, uid }) => `${name}:x:${uid}:`),
  );
  writeFileSync(
    join(root, 'names'),
    lines(({ name }) => name),
  );
  for (const { name, uid } of ids) {
    mkdirSync(join(root, 'home', name), { mode: 0o700 });
    chownSync(join(root, 'home', name), uid, uid);
  }
  return root;
}

/** The largest resident size that a process and its children had; the kernel keeps it of each (proc_pid_status(5)). */
function peakOf(pid) {
  try {
    const own = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return own + children.reduce((sum, child) => sum + peakOf(child), 0);
  } catch {
    // It ended in between.
    return 0;
  }
}

/** Milliseconds and MiB. */
function measure(program, args) {
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(program, args, { cwd: '/', env: { PATH: '/usr/sbin:/usr/bin' }, stdio: 'ignore' });
    let peak = 0;
    const sampler = setInterval(() => {
      peak = Math.max(peak, peakOf(child.pid));
    }, 100);
    child.on('error', reject);
    child.on('close', (status) => {
      clearInterval(sampler);
      if (status !== 0) reject(new StageError(`${program} ended with ${status}`));
      else resolve({ ms: Number(process.hrtime.bigint() - started) / 1e6, mib: peak / 1024 });
    });
  });
}

async function provisionTwice(program, count) {
  progress(`${count} users, first and second run`);
  const root = makeRoot(count);
  try {
    const args = ['user', '--from', join(root, 'names'), '--root', root];
    return { first: await measure(program, args), second: await measure(program, args) };
  } finally {
    rmSync(root, { recursive: true });
  }
}

const LOOP = `
root=$1 count=$2 files=$3 uid=${FIRST_UID} start=524288
for ((i = 0; i < count; i++)); do
  user=bench$i home=$root/home/bench$i
  usermod --prefix "$root" --add-subuids $start-$((start + 65535)) --add-subgids $start-$((start + 65535)) $user
  install -d -m 700 -o $uid -g $uid "$home/.local" "$home/.local/share" "$home/.local/share/containers" \
    "$home/.local/share/containers/"{storage,cache,tmp,run} "$home/.config" "$home/.config/containers"
  cp "$files"/*.conf "$files"/*.json "$home/.config/containers"
  chown $uid:$uid "$home/.config/containers"/*
  chmod 600 "$home/.config/containers"/*
  uid=$((uid + 1)) start=$((start + 65536))
done`;

async function loopOver(program) {
  progress(`a shell loop over ${LOOPED} users`);
  const root = makeRoot(FEW);
  try {
    for (const name of ['subuid', 'subgid']) writeFileSync(join(root, 'etc', name), '');
    // What one user gets, for the loop to copy.
    const model = makeRoot(1);
    run(program, ['user', nameOf(0), '--root', model], { quiet: true, cwd: '/' });
    const { ms } = await measure('bash', [
      '-ec',
      LOOP,
      'loop',
      root,
      String(LOOPED),
      join(model, 'home/bench0/.config/containers'),
    ]);
    rmSync(model, { recursive: true });
    return ms / LOOPED;
  } finally {
    rmSync(root, { recursive: true });
  }
}

const row = (name, [of, median], [peer, peerMedian], unit, goal) => ({
  name,
  of,
  median: Number(median.toFixed(2)),
  unit,
  peer,
  peerMedian: Number(peerMedian.toFixed(2)),
  ratio: Number((median / peerMedian).toFixed(3)),
  goal,
});

/** Rows of the table, by the user. */
export async function provision({ program }) {
  const few = await provisionTwice(program, FEW);
  const many = await provisionTwice(program, MANY);
  const loop = await loopOver(program);
  const [first, second] = [many.first.ms / MANY, many.second.ms / MANY];
  return [
    row('first run, a user', [`${MANY} users`, first], ['usermod, install, cp', loop], 'ms', 'median <= 3'),
    row('first run, all', [`${MANY} users`, many.first.ms], [`${FEW} users`, few.first.ms], 'ms', 'ratio <= 11'),
    row('second run, a user', [`${MANY} users`, second], ['first run', first], 'ms', 'ratio <= 0.25'),
    row('peak memory', [`${MANY} users`, many.first.mib], [`${FEW} users`, few.first.mib], 'MiB', 'ratio <= 1.5'),
  ];
}
