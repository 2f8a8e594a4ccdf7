// `npm run bench -- NAME [--json] [--rounds N]`: our command and its peers, interleaved, medians and ratios.
// Uses what was built into dist/, put where an ordinary user can read it, as a user made for this run.
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { launch, startup } from '../bench/launch.mjs';
import { provision } from '../bench/provision.mjs';
import { prepare } from './prepare.mjs';
import { buildDir, main, output, progress, root, run, StageError, say } from './stage.mjs';

/** Commands to be run in turns as the bench's user. */
const BENCHES = { launch, startup };
/** Measured by their own means, as root. */
const WHOLE = { provision };
const USER = 'iso-bench';
const ENV = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C.UTF-8' };

function parseArguments(args) {
  const json = args.includes('--json');
  const rounds = args.includes('--rounds') ? Number(args[args.indexOf('--rounds') + 1]) : 40;
  const name = args[0];
  const names = [...Object.keys(BENCHES), ...Object.keys(WHOLE)];
  if (!names.includes(name)) {
    throw new StageError(`unknown bench "${name}"`, `npm run bench -- ${names.join('|')} [--json] [--rounds N]`);
  }
  if (!Number.isInteger(rounds) || rounds < 1) throw new StageError('--rounds takes a number of 1 or more');
  return { json, rounds, name };
}

/** The toolkit as the package lays it out, in `place`: the commands are links to the front, beside which all else lies. */
function stageToolkit(place) {
  cpSync(join(root, 'dist'), place, { recursive: true });
  mkdirSync(join(place, 'bin'));
  for (const name of ['iso-run', 'iso-setup', 'iso-audit']) symlinkSync('../iso-front', join(place, 'bin', name));
  chmodSync(place, 0o755);
  // As its postinst does.
  run(join(place, 'bin/iso-setup'), ['compile-cache'], { env: ENV, cwd: '/' });
}

function makeUser() {
  run('useradd', ['--create-home', '--shell', '/bin/sh', USER], { quiet: true });
  const [, , uid, gid, , home] = output('getent', ['passwd', USER]).split(':');
  return { name: USER, uid: Number(uid), gid: Number(gid), home };
}

/** Runs as root in a mount namespace where cgroup v2 is what a peer finds, since crun refuses the hybrid layout. */
function withCgroup2(script) {
  const hybrid = output('stat', ['-f', '-c', '%T', '/sys/fs/cgroup']) !== 'cgroup2fs';
  const mount = hybrid ? 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; ' : '';
  return ['--mount', '--propagation', 'private', '--', 'sh', '-ec', `${mount}${script}`];
}

const quote = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

function measure(commands, rounds, user) {
  const program = join(user.home, 'rounds');
  run('gcc', ['-O2', '-D_GNU_SOURCE', '-std=c17', '-o', program, join(root, 'test/bench/rounds.c')]);
  const list = Object.values(commands).flatMap((command) => ['+++', ...command]);
  const words = ['runuser', '-u', user.name, '--', 'env', '-i', `HOME=${user.home}`, `PATH=${ENV.PATH}`, program];
  const script = `cd ${user.home}; exec ${[...words, String(rounds), ...list].map(quote).join(' ')}`;
  const times = Object.keys(commands).map(() => []);
  // The first rounds fill caches: run and thrown away.
  const lines = run('unshare', withCgroup2(script), { capture: true }).stdout.trim().split('\n');
  for (const line of lines.slice(2 * times.length)) {
    const [index, nanoseconds] = line.split(' ').map(Number);
    times[index].push(nanoseconds / 1e6);
  }
  return Object.fromEntries(Object.keys(commands).map((name, index) => [name, median(times[index])]));
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function print(rows, json) {
  if (json) return say(JSON.stringify(rows, null, 2));
  const header = ['figure', 'of', 'median', 'unit', 'peer', 'median', 'ratio', 'goal'];
  const table = [
    header,
    ...rows.map((row) => [
      row.name,
      row.of,
      row.median,
      row.unit,
      row.peer,
      row.peerMedian,
      row.ratio,
      row.goal ?? '-',
    ]),
  ];
  const widths = header.map((_, column) => Math.max(...table.map((row) => String(row[column]).length)));
  for (const row of table)
    say(
      row
        .map((cell, column) => String(cell).padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
}

await main(async () => {
  const { json, rounds, name } = parseArguments(process.argv.slice(2));
  if (process.getuid() !== 0)
    throw new StageError('a bench makes a user of its own, which needs root', 'sudo npm run bench -- NAME');
  prepare(['build', 'bench', 'test']);
  run('npm', ['run', '--silent', 'build'], { quiet: true });
  mkdirSync(buildDir, { recursive: true });
  const place = mkdtempSync('/var/tmp/iso-toolkit-bench.');
  const user = makeUser();
  try {
    stageToolkit(place);
    const program = (command) => join(place, 'bin', command);
    if (WHOLE[name]) return print(await WHOLE[name]({ program: program('iso-setup') }), json);
    const provision = () => run(program('iso-setup'), ['user', USER], { quiet: true, env: ENV, cwd: '/' });
    const as = (words) => {
      const args = ['-u', USER, '--', 'env', '-i', `HOME=${user.home}`, `USER=${USER}`, `PATH=${ENV.PATH}`, ...words];
      return run('runuser', args, { capture: true, cwd: user.home });
    };
    const { commands, figures } = BENCHES[name]({ home: user.home, user, program, provision, as });
    progress(`${rounds} rounds of ${Object.keys(commands).join(', ')}`);
    const medians = measure(commands, rounds + 2, user);
    const rows = figures.map(({ name: figure, of, peer, goal }) => ({
      name: figure,
      of,
      median: Number(medians[of].toFixed(2)),
      unit: 'ms',
      peer,
      peerMedian: Number(medians[peer].toFixed(2)),
      ratio: Number((medians[of] / medians[peer]).toFixed(2)),
      ...(goal === undefined ? {} : { goal: `<= ${goal}` }),
    }));
    print(rows, json);
  } finally {
    // Ends the session that the runs have left, without which userdel would mind its processes.
    run(join(place, 'bin/iso-setup'), ['remove', USER], { quiet: true, env: ENV, cwd: '/', accept: [0, 66] });
    run('userdel', ['--remove', USER], { quiet: true, accept: [0, 12] });
    rmSync(place, { recursive: true, force: true });
  }
});
