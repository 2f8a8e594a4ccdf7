/** The SELinux labels of a running container, as the kernel shows them. */
import { readFileSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { categoriesOf, parseContext } from '../lib/selinux-context.js';
import { readExtendedAttribute } from '../sys/extended-attribute.js';
import { absent, type Fact, factOfError, measured } from './fact.js';
import type { RunningContainer } from './running-containers.js';
import { whyNoSelinux } from './selinux.js';

const withoutEnd = (text: string) => text.replace(/[\0\n]+$/, '');
/** Two of the user's and two of the container's. */
const CATEGORIES = 4;

/** What is wrong with a label of this type, or undefined. */
export function labelFault(label: string, type: string): string | undefined {
  const context = parseContext(label);
  if (context?.type !== type) return `its type is not ${type}: ${label}`;
  if (categoriesOf(context.level).size === CATEGORIES) return undefined;
  return `it has not the two pairs of categories of a user and a container: ${label}`;
}

function processFault(pid: number): string | undefined {
  try {
    const fault = labelFault(withoutEnd(readFileSync(`/proc/${pid}/attr/current`, 'utf8')), 'container_t');
    return fault && `process ${pid}: ${fault}`;
  } catch (error) {
    // It ended, which says nothing against the others.
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

/** Processes that do not run under the label of a container. */
export function readProcessLabelFaults({ members }: RunningContainer): Fact {
  const why = whyNoSelinux();
  if (why !== undefined) return absent(why);
  try {
    return measured(members.flatMap((pid) => processFault(pid) ?? []));
  } catch (error) {
    return factOfError(error);
  }
}

/** What is wrong with the label of the root file system. */
export function readRootLabelFaults({ init }: RunningContainer): Fact {
  const why = whyNoSelinux();
  if (why !== undefined) return absent(why);
  try {
    const label = readExtendedAttribute(`/proc/${init.pid}/root/`, 'security.selinux');
    const text = label === undefined ? 'none' : withoutEnd(label.toString('utf8'));
    const fault = labelFault(text, 'container_file_t');
    return measured(fault === undefined ? [] : [`/: ${fault}`]);
  } catch (error) {
    return factOfError(error);
  }
}
