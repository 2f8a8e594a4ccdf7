/** `iso-run logs`: what a container that lives without its caller has written. */
import type { Command } from 'commander';
import type { LogRecord } from '../run/log-record.js';
import { writeAll } from './write-out.js';

const BATCH = 64 * 2 ** 10;

interface LogsFlags {
  follow?: boolean;
  timestamps?: boolean;
  latest?: boolean;
  tail: string;
  since?: string;
  until?: string;
}

async function choose(references: readonly string[], latest: boolean) {
  const { readOwnIdentity } = await import('../facts/own-identity.js');
  const { listContainers } = await import('../run/records.js');
  const { selectContainers } = await import('../run/select-containers.js');
  const identity = readOwnIdentity();
  const selected = selectContainers(listContainers(identity.home, identity.uid), references, { latest });
  return { identity, selected };
}

/** Bytes as the payload wrote them, to a terminal too, as Podman and `cat` do: they would have reached it from the container. */
async function printerOf(timestamps: boolean) {
  const { recordPrinter } = await import('../run/log-record.js');
  const textOf = recordPrinter(timestamps);
  return async (records: Iterable<LogRecord>): Promise<void> => {
    let [stream, text]: [LogRecord['stream'], string] = ['stdout', ''];
    const flush = () => writeAll(stream, Buffer.from(text, 'latin1'));
    for (const record of records) {
      if (record.stream !== stream || text.length > BATCH) {
        await flush();
        [stream, text] = [record.stream, ''];
      }
      text += textOf(record);
    }
    await flush();
  };
}

async function logs(references: string[], flags: LogsFlags): Promise<void> {
  const { parseLogTime, parseTail } = await import('../run/log-time.js');
  const { showLog } = await import('../run/show-log.js');
  const now = Date.now();
  const options = {
    follow: flags.follow ?? false,
    tail: parseTail(flags.tail),
    ...(flags.since === undefined ? {} : { since: parseLogTime('--since', flags.since, now) }),
    ...(flags.until === undefined ? {} : { until: parseLogTime('--until', flags.until, now) }),
  };
  const { identity, selected } = await choose(references, flags.latest ?? false);
  const print = await printerOf(flags.timestamps ?? false);
  for (const { container } of selected) await showLog(identity, container, options, print);
}

export function registerLogsCommand(program: Command): void {
  program
    .command('logs')
    .description('show what a container that was detached or started has written')
    .argument('[container]', 'name, id or beginning of an id')
    .option('-f, --follow', 'go on until it ends')
    .option('-l, --latest', 'the container that was created last')
    .option('-t, --timestamps', 'begin lines with their times')
    .option('--tail <lines>', 'so many of the last ones', 'all')
    .option('--since <time>', 'a date, seconds since the epoch, or a span such as 10m')
    .option('--until <time>', 'the same')
    .action((name: string | undefined, flags: LogsFlags) => logs(name === undefined ? [] : [name], flags));
}
