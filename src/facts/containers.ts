/** The containers that a user's store names. Read as root too, so every file is opened safely and validated. */
import { closeSync } from 'node:fs';
import { validateContainerRecord, validateContainerState } from '../generated/validators.js';
import { listSafeDirectory, openHome, readSafeFile, type SafeOptions } from '../sys/safe-file.js';
import { type ContainerRecord, type ContainerState, STORE } from './container-record.js';

/** A command line may fill the record; the state is a handful of fields. */
const MAX_RECORD_BYTES = 4 * 2 ** 20;
const MAX_STATE_BYTES = 16 * 2 ** 10;
const MAX_CONTAINERS = 10_000;
/** Of all records together: a user may make them large and many, and root reads every user's. */
const MAX_STORE_BYTES = 64 * 2 ** 20;
const ID = /^[0-9a-f]{64}$/;

export interface StoredContainer {
  record: ContainerRecord;
  state: ContainerState;
}

interface ContainerStore {
  containers: StoredContainer[];
  /** Entries that could not be believed, and why. A container that is just being made or removed is not among them. */
  refused: { entry: string; why: string }[];
}

interface Validate {
  (value: unknown): boolean;
  errors?: { instancePath: string; message?: string }[] | null;
}

/** Parses and validates one file's text. Gives the reason when it is not what it should be. */
function decode<T>(text: string, validate: Validate): { value: T } | { why: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { why: 'it is not JSON' };
  }
  if (validate(value)) return { value: value as T };
  const first = validate.errors?.[0];
  return { why: `${first?.instancePath.slice(1) || 'it'} ${first?.message ?? 'is not valid'}` };
}

function readContainer(
  home: number,
  id: string,
  options: SafeOptions,
): { stored: StoredContainer; bytes: number } | { why: string } | undefined {
  const at = (file: string) => `${STORE}/containers/${id}/${file}`;
  const recordFile = readSafeFile(home, at('container.json'), { ...options, maxBytes: MAX_RECORD_BYTES });
  const stateFile = readSafeFile(home, at('state.json'), { ...options, maxBytes: MAX_STATE_BYTES });
  for (const [name, file] of [['container.json', recordFile] as const, ['state.json', stateFile] as const]) {
    if (!file.ok && file.reason !== 'missing') return { why: `${name}: ${file.why}` };
  }
  if (!recordFile.ok || !stateFile.ok) return undefined;
  const record = decode<ContainerRecord>(recordFile.text, validateContainerRecord);
  if ('why' in record) return { why: `container.json: ${record.why}` };
  if (record.value.id !== id) return { why: 'container.json: id differs from the name of its directory' };
  const state = decode<ContainerState>(stateFile.text, validateContainerState);
  if ('why' in state) return { why: `state.json: ${state.why}` };
  return { stored: { record: record.value, state: state.value }, bytes: recordFile.stat.size };
}

/** Everything in a user's store, beneath an opened home (`openHome`). */
export function readContainerStore(home: number, options: SafeOptions): ContainerStore {
  const store: ContainerStore = { containers: [], refused: [] };
  const listed = listSafeDirectory(home, `${STORE}/containers`, { ...options, maxEntries: MAX_CONTAINERS });
  if (!listed.ok) {
    if (listed.reason !== 'missing') store.refused.push({ entry: `${STORE}/containers`, why: listed.why });
    return store;
  }
  let bytes = 0;
  for (const name of listed.names.filter((entry) => ID.test(entry))) {
    const found = readContainer(home, name, options);
    if (found === undefined) continue;
    if ('why' in found) {
      store.refused.push({ entry: name, why: found.why });
      continue;
    }
    bytes += found.bytes;
    if (bytes > MAX_STORE_BYTES) {
      store.refused.push({ entry: name, why: `it and those after it exceed ${MAX_STORE_BYTES} bytes of records` });
      break;
    }
    store.containers.push(found.stored);
  }
  return store;
}

/** A user's containers, oldest first; what cannot be believed is left out. Whether one still runs is the kernel's to say. */
export function readContainers(home: string, uid: number): StoredContainer[] {
  const opened = openHome(home, uid);
  if (!opened.ok) return [];
  try {
    const { containers } = readContainerStore(opened.fd, { owner: uid, crossMounts: true });
    return containers.sort((a, b) => compareText(a.record.created + a.record.id, b.record.created + b.record.id));
  } finally {
    closeSync(opened.fd);
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
