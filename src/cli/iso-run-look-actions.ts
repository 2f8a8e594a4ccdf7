/** What the commands do that show containers. */
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import { asIsoError, IsoError } from '../lib/errors.js';
import { formatValues, parseTemplate } from '../lib/format-template.js';
import { escapeControl } from '../lib/text.js';
import { diffContainer, type Kind } from '../run/diff-container.js';
import { filterContainers } from '../run/filter-containers.js';
import { formatContainers } from '../run/format-containers.js';
import { inspectContainer } from '../run/inspect-container.js';
import { type KeptLaunch, readKeptLaunch } from '../run/kept-launch.js';
import { type Container, listContainers } from '../run/records.js';
import { selectContainers } from '../run/select-containers.js';
import { topContainer } from '../run/top-container.js';
import type { DiffFlags, InspectFlags, PsFlags } from './iso-run-look.js';
import { writeOut } from './write-out.js';

/** How many of the latest are shown; undefined for those that the state alone chooses. */
function parseLast({ latest, last }: PsFlags): number | undefined {
  if (latest) return 1;
  if (last === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(last)) return Number(last);
  throw new IsoError('usage.invalid', `cannot use --last ${last}`, 'it is not a number from 1 up');
}

export function ps(flags: PsFlags): void {
  const { home, uid } = readOwnIdentity();
  const last = parseLast(flags);
  const filters = flags.filter ?? [];
  // A state that is asked for shows containers which would otherwise be left out.
  const any = flags.all || last !== undefined || filters.some((filter) => /^(status|exited)=/.test(filter));
  const found = filterContainers(listContainers(home, uid), filters).filter(({ running }) => running || any);
  const shown = last === undefined ? found : found.slice(-last);
  writeOut(formatContainers(shown, { ...flags, noTrunc: !flags.trunc }, Date.now()));
}

/** A container of an older version has no plan, and the rest is known all the same. */
function readLaunch(identity: OwnIdentity, { record }: Container): KeptLaunch | undefined {
  try {
    return readKeptLaunch(identity, record);
  } catch (error) {
    if (asIsoError(error).code === 'plan.invalid') return undefined;
    throw error;
  }
}

export function inspect(names: string[], flags: InspectFlags): void {
  const identity = readOwnIdentity();
  const { home, uid } = identity;
  const selected = selectContainers(listContainers(home, uid), names, { latest: flags.latest ?? false });
  const shown = selected.map(({ container }) => inspectContainer(container, readLaunch(identity, container)));
  if (flags.format === undefined || flags.format === 'json') writeOut(`${JSON.stringify(shown, null, 4)}\n`);
  else writeOut(formatValues(parseTemplate(flags.format), shown));
}

export function top(name: string | undefined, columns: string[], { latest }: { latest?: boolean }): void {
  const { home, uid } = readOwnIdentity();
  // With --latest the first word is a column.
  const [names, all] =
    latest || name === undefined ? [[], name === undefined ? [] : [name, ...columns]] : [[name], columns];
  const [selected] = selectContainers(listContainers(home, uid), names, { latest: latest ?? false });
  if (selected) writeOut(topContainer(selected.container, all));
}

export async function diff(name: string | undefined, { latest, format, json }: DiffFlags): Promise<void> {
  if (format !== undefined && format !== 'json') {
    throw new IsoError('usage.invalid', `cannot use --format ${format}`, 'changes are printed as json or not');
  }
  const identity = readOwnIdentity();
  const containers = listContainers(identity.home, identity.uid);
  const names = name === undefined ? [] : [name];
  const [selected] = selectContainers(containers, names, { latest: latest ?? false });
  const changes = selected ? await diffContainer(identity, selected.container) : [];
  const of = (wanted: Kind) => changes.filter(({ kind }) => kind === wanted).map(({ path }) => path);
  if (json || format) writeOut(`${JSON.stringify({ changed: of('C'), added: of('A'), deleted: of('D') }, null, 2)}\n`);
  else writeOut(changes.map(({ kind, path }) => `${kind} ${escapeControl(path)}\n`).join(''));
}
