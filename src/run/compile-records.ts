/** The books that a launch keeps on its container: directory, name, records, events; as ops of its plan. Pure. */
import type { Op, Stage } from '../sys/launcher/ops.js';
import { type JsonTemplate, jsonComposition, textComposition } from './json-template.js';
import { recordLimits } from './limits.js';
import { restartText } from './options/restart.js';
import type { LabelBase } from './selinux.js';
import type { ContainerSpec } from './spec.js';

export type Add = (stage: Stage, origin: string, ...op: Op) => void;

/** What the records say beside the specification, and where they are. */
export interface Books {
  store: string;
  /** The user's spool of events. */
  spool: string;
  uid: number;
  image: string;
  labels?: LabelBase;
}

const directory = { argument: 'directory' } as const;
const ORIGIN = 'container records';

// Paths below the container's directory are texts that the launcher makes, so each is an argument of its own.
const STATE = { argument: 'state-file' } as const;
const LAUNCH = { argument: 'launch-file' } as const;
const RECORD = { argument: 'record-file' } as const;
const LOG = { argument: 'log-file' } as const;

const namesOf = ({ store }: Books) => `${store}/names`;
const pairsOf = ({ store }: Books) => `${store}/pairs`;

/** What other commands need of the options of the run. */
function recordOptions({ labels, stop, volumes, restart }: ContainerSpec): { [key: string]: JsonTemplate } {
  const members = labels.map(({ name, index }) => [name, { value: `label.${index}` }] as const);
  const names = volumes.flatMap(({ named }) => named?.name ?? []);
  return {
    ...(names.length === 0 ? {} : { volumes: { list: names, given: false } }),
    ...(members.length === 0 ? {} : { labels: { members } }),
    ...(stop.signal === undefined ? {} : { stopSignal: stop.signal }),
    ...(restart ? { restart: restartText(restart) } : {}),
    ...(stop.timeout === undefined ? {} : { stopTimeout: stop.timeout }),
  };
}

function record(spec: ContainerSpec, books: Books): JsonTemplate {
  return {
    schema: 1,
    id: { value: 'id' },
    name: { value: 'name' },
    image: books.image,
    command: { list: spec.process.args, given: spec.process.command },
    created: { value: 'now' },
    plan: { value: 'plan' },
    storageDriver: spec.root.driver,
    readOnly: spec.root.readOnly,
    limits: recordLimits(spec.limits),
    ...(books.labels ? { label: { value: 'process-label' } } : {}),
    ...recordOptions(spec),
  };
}

/** Claims a pair for a new container; the launch of one that is there finds it again. */
function compileLabels(books: Books, stage: 'create' | 'host', add: Add): void {
  if (!books.labels) return;
  const { user, role, pair } = books.labels;
  const [low, high] = pair.map(String);
  const types = [`${user}:${role}:container_t:`, `${user}:object_r:container_file_t:`] as const;
  add(stage, 'SELinux', 'label-pair', pairsOf(books), ...types, low ?? '', high ?? '');
}

/** Files by which the container finds names. Those that were asked for come first, since the first match counts. */
function compileNames({ hosts, resolver }: ContainerSpec, add: Add): void {
  const asked = hosts.map(({ name, address }) => `${address}\t${name}\n`).join('');
  const own = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n127.0.1.1\t';
  const hostname = { value: 'hostname' } as const;
  add(
    'create',
    '/etc/hosts',
    'write-file',
    { argument: 'hosts' },
    0o644,
    textComposition([asked, own, hostname, '\n']),
  );
  const file = { argument: 'hostname-file' } as const;
  add('create', '/etc/hostname', 'write-file', file, 0o644, textComposition([hostname, '\n']));
  if (!resolver) return;
  const { servers, search, options } = resolver;
  const lines = [
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ];
  const text = textComposition(lines.map((line) => `${line}\n`));
  add('create', '/etc/resolv.conf', 'write-file', { argument: 'resolver-file' }, 0o644, text);
}

/** Before all else: a name that is taken must stop the launch before anything is made. */
export function compileCreation(spec: ContainerSpec, books: Books, add: Add): void {
  add('create', ORIGIN, 'make-directory', directory, 0o700);
  add('create', '--name', 'claim', namesOf(books), { argument: 'name' }, { argument: 'id' });
  // The root's mode is the upper directory's.
  add('create', ORIGIN, 'make-directory', { argument: 'upper' }, 0o755);
  for (const part of ['work', 'merged'] as const) add('create', ORIGIN, 'make-directory', { argument: part }, 0o700);
  compileNames(spec, add);
  compileLabels(books, 'create', add);
  add('create', ORIGIN, 'write-file', STATE, 0o600, jsonComposition({ status: 'created' }));
  add('create', ORIGIN, 'keep-launch', LAUNCH);
  add('create', ORIGIN, 'write-file', RECORD, 0o600, jsonComposition(record(spec, books)));
}

/** What a launch holds, be the container new or not. */
export function compileHold(books: Books, add: Add): void {
  add('host', ORIGIN, 'hold', directory);
  compileLabels(books, 'host', add);
}

/** Used by a container that lives without its caller. */
export function compileSupervision({ log }: ContainerSpec, add: Add): void {
  add('host', '--log-driver', 'supervise', directory, log.driver === 'none' ? '' : LOG, log.maxSize, log.maxFiles);
}

/** Those that are unless-stopped are as those that are always: nothing starts a container when the host has started. */
export function compileRestart({ restart }: ContainerSpec, add: Add): void {
  if (!restart) return;
  const policy = restart.policy === 'on-failure' ? restart.policy : 'always';
  add('host', '--restart', 'restart', policy, restart.most);
}

/** How often its payload was started again. */
const restartsOf = ({ restart }: ContainerSpec) => (restart ? { restarts: { number: 'restarts' } } : {});

/** An event of this container's life, with the values of its launch. */
export function lifecycleEvent(
  books: Pick<Books, 'uid' | 'image'>,
  fields: Record<string, JsonTemplate>,
): JsonTemplate {
  return {
    schema: 1,
    time: { value: 'now' },
    category: 'lifecycle',
    severity: 'info',
    origin: 'self',
    uid: books.uid,
    pid: { number: 'pid' },
    container: { id: { value: 'id' }, name: { value: 'name' }, image: books.image.slice(0, 256) },
    plan: { value: 'plan' },
    ...fields,
  };
}

/** Beside the payload that has begun. */
export function compileStart(spec: ContainerSpec, books: Books, add: Add): void {
  const state = {
    status: 'running',
    pid: { number: 'pid' },
    startTime: { value: 'start-time' },
    startedAt: { value: 'now' },
    ...restartsOf(spec),
  };
  add('started', ORIGIN, 'write-file', STATE, 0o600, jsonComposition(state as JsonTemplate));
  if (spec.pidFile) {
    const text = textComposition([{ value: 'pid' }]);
    add('started', '--pidfile', 'write-file', { argument: 'pid-file' }, 0o644, text);
  }
  const warnings = spec.warnings.join('; ').slice(0, 1024);
  const details = {
    command: { words: spec.process.args, given: spec.process.command, most: 256 },
    pid: { number: 'pid' },
    storageDriver: spec.root.driver,
    ...(books.labels ? { label: { value: 'process-label' } } : {}),
    ...(warnings === '' ? {} : { warnings }),
  } as JsonTemplate;
  const message: JsonTemplate = { text: ['container ', { value: 'name' }, ' started'] };
  const started = lifecycleEvent(books, { action: 'container.start', outcome: 'success', message, details });
  add('started', 'audit trail', 'append-line', books.spool, 0o600, jsonComposition(started));
}

function compileRemoval(books: Books, stage: 'exited' | 'discard', origin: string, add: Add): void {
  // The name first: a launcher that is killed in between leaves a container that is seen, not a link that nobody looks for.
  add(stage, origin, 'release', namesOf(books), { argument: 'name' });
  add(stage, origin, 'remove', directory);
  if (books.labels) add(stage, origin, 'release', pairsOf(books), { argument: 'label-index' });
}

/** Volumes of this container alone go with it. */
function compileOwnVolumes({ volumes }: ContainerSpec, stage: 'exited' | 'discard', add: Add): void {
  for (const { index, named, origin } of volumes) {
    if (named?.own) add(stage, origin, 'remove', { argument: `volume-home.${index}` });
  }
}

/** After a payload that ran; and after a launch that did not come so far, which leaves nothing of a new container. */
export function compileEnd(spec: ContainerSpec, books: Books, add: Add): void {
  const state = {
    status: 'exited',
    startedAt: { value: 'started-at' },
    finishedAt: { value: 'now' },
    exitCode: { number: 'exit-code' },
    oomKilled: { number: 'oom-killed' },
    ...restartsOf(spec),
  } as JsonTemplate;
  if (spec.remove) compileOwnVolumes(spec, 'exited', add);
  if (spec.remove) compileRemoval(books, 'exited', '--rm', add);
  else add('exited', ORIGIN, 'write-file', STATE, 0o600, jsonComposition(state));
  const message: JsonTemplate = {
    text: ['container ', { value: 'name' }, ' ended with status ', { value: 'exit-code' }],
  };
  const details = {
    exitCode: { number: 'exit-code' },
    oomKilled: { number: 'oom-killed' },
    pidsRefused: { number: 'pids-refused' },
  } as JsonTemplate;
  const ended = lifecycleEvent(books, { action: 'container.exit', outcome: { value: 'outcome' }, message, details });
  add('exited', 'audit trail', 'append-line', books.spool, 0o600, jsonComposition(ended));
  if (spec.controllers.length > 0) add('exited', 'cgroup', 'cgroup-remove', { argument: 'scope' });
  if (spec.controllers.length > 0) add('failed', 'cgroup', 'cgroup-remove', { argument: 'scope' });
  compileOwnVolumes(spec, 'discard', add);
  compileRemoval(books, 'discard', ORIGIN, add);
}
