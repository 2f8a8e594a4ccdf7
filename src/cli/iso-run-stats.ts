/** `iso-run stats`: what containers use, once or again and again. */
import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { readCgroupUse } from '../facts/cgroup-use.js';
import { readContainerCgroup } from '../facts/container-cgroup.js';
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import { readRunHost } from '../facts/run-host.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { formatValues, parseTemplate } from '../lib/format-template.js';
import { type Container, listContainers } from '../run/records.js';
import { selectContainers } from '../run/select-containers.js';
import { type Look, statsRow } from '../run/stats-row.js';
import type { StatsFlags } from './iso-run-look.js';
import { writeOut } from './write-out.js';

const TABLE =
  'table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}\t{{.AVGCPU}}';
const HEADINGS = {
  CPUPerc: 'CPU %',
  MemUsage: 'MEM USAGE / LIMIT',
  MemPerc: 'MEM %',
  NetIO: 'NET IO',
  BlockIO: 'BLOCK IO',
  AVGCPU: 'AVG CPU %',
};
const CLEAR = '\u001b[H\u001b[2J';

function look(container: Container): Look[] {
  try {
    const cgroup = readContainerCgroup(container.state.pid ?? 0, container.record.id);
    return [{ container, at: Date.now(), ...(cgroup === undefined ? {} : { use: readCgroupUse(cgroup) }) }];
  } catch (error) {
    // It ended meanwhile.
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}

/** The named ones that run, or all that run. */
function lookAll({ home, uid }: OwnIdentity, names: string[], flags: StatsFlags): Look[] {
  const all = names.length === 0 && !flags.latest;
  const selected = selectContainers(listContainers(home, uid), names, { all, latest: flags.latest ?? false });
  return selected.flatMap(({ container }) => (container.running ? look(container) : []));
}

function format(looks: readonly Look[], before: readonly Look[], flags: StatsFlags): string {
  const rows = looks.map((one) => {
    const earlier = before.find(({ container }) => container.record.id === one.container.record.id);
    return statsRow(one, earlier, { memory: totalmem() });
  });
  if (flags.json || flags.format === 'json') return `${JSON.stringify(rows, null, 1)}\n`;
  return formatValues(parseTemplate(flags.format ?? TABLE), rows, HEADINGS);
}

function parseSeconds(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new IsoError('usage.invalid', `cannot use --interval ${text}`, 'it is not a number of seconds from 1 to 9999');
}

/** Says once why figures are missing. */
function explainMissing(looks: readonly Look[], uid: number): void {
  if (looks.every(({ use }) => use !== undefined)) return;
  const why = readRunHost(uid, 1).cgroup.reason ?? 'they were launched without a cgroup of their own';
  process.stderr.write(`iso-run: nothing is known of containers that show --: ${why}\n`);
}

export async function stats(names: string[], flags: StatsFlags): Promise<void> {
  const seconds = parseSeconds(flags.interval);
  const identity = readOwnIdentity();
  let before: Look[] = [];
  for (;;) {
    const looks = lookAll(identity, names, flags);
    if (before.length === 0) explainMissing(looks, identity.uid);
    writeOut(`${flags.stream && isatty(1) ? CLEAR : ''}${format(looks, before, flags)}`);
    if (!flags.stream || looks.length === 0) return;
    before = looks;
    await sleep(seconds * 1000);
  }
}
