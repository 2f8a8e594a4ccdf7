/** Staying with a container that lives: its output from now on, and what is typed for it. */
import type { OwnIdentity } from '../facts/own-identity.js';
import { IsoError } from '../lib/errors.js';
import { errnoText, explainLoss } from '../sys/launcher/explain.js';
import { runLauncher } from '../sys/launcher/launch.js';
import { outcomeOf, parseStatus } from '../sys/launcher/status.js';
import type { Attachment } from './options/attachment.js';
import { type Container, containerDirectory } from './records.js';

/** Its exit status, or 0 when the caller left it. @throws IsoError container.stopped, run.launcher-died, write.failed */
export async function attachContainer(
  { store }: OwnIdentity,
  { record, running }: Container,
  { stdin, detachKeys, passSignals }: Attachment,
): Promise<number> {
  const what = `cannot attach to ${record.name}`;
  if (!running) throw new IsoError('container.stopped', what, 'it does not run');
  const directory = containerDirectory(store, record.id);
  const words = [directory, stdin ? 'all' : 'output', detachKeys, passSignals ? 'pass' : 'keep'];
  const { report, died } = await runLauncher(['--attach', ...words], Buffer.alloc(0), { streams: 'inherit' });
  const records = parseStatus(report);
  const failure = records.find(({ kind }) => kind === 'fail');
  if (failure) {
    throw new IsoError('container.stopped', what, `its monitor does not answer: ${errnoText(failure.errno)}`, {
      hint: 'it may have ended, or was begun by a run in the foreground: see `iso-run ps`',
    });
  }
  // It was running before: there is no word about that in this report.
  const outcome = outcomeOf([{ kind: 'ready', role: 'container', index: 0, detail: 0, errno: 0 }, ...records], 0, died);
  if (outcome.kind === 'detached') return 0;
  if (outcome.kind !== 'exited') {
    throw new IsoError('run.launcher-died', `cannot tell how ${record.name} ended`, 'its monitor was ended');
  }
  if (outcome.lost) throw explainLoss(outcome.lost);
  return outcome.code;
}
