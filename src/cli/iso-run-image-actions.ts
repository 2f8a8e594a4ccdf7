/** What the `iso-run image` commands do: call the store, print, and tell the audit trail. */
import { type OwnIdentity, readOwnIdentity } from '../facts/own-identity.js';
import { bootstrapImage } from '../image/bootstrap.js';
import { failureEvent, type ImageAction, successEvent } from '../image/events.js';
import { type ImportResult, importImage } from '../image/import.js';
import type { ImageRecord } from '../image/record.js';
import { removeImage } from '../image/remove.js';
import { requireRoom } from '../image/space.js';
import { findImage, listImages } from '../image/store.js';
import { asIsoError, IsoError } from '../lib/errors.js';
import { escapeControl, formatTable } from '../lib/text.js';
import { formatSize } from '../lib/units.js';
import { readPolicy } from '../policy/read-policy.js';
import { type NewEvent, recordEvent } from '../trail/record-event.js';
import type { BootstrapOptions, ImportOptions, ListOptions } from './iso-run-image.js';
import { writeOut } from './write-out.js';

const PROGRESS_MS = 100;

function record(event: NewEvent): void {
  if (!recordEvent(event)) process.stderr.write('iso-run: warning: the audit event could not be stored\n');
}

/** Runs one change of the store and records how it ended, before the error goes on. */
async function recorded<T>(
  action: ImageAction,
  name: string,
  source: string,
  work: () => Promise<T>,
  imageOf: (result: T) => ImageRecord | undefined,
): Promise<T> {
  try {
    const result = await work();
    const image = imageOf(result);
    if (image !== undefined) record(successEvent(action, image));
    return result;
  } catch (error) {
    record(failureEvent(action, name, source, asIsoError(error)));
    throw error;
  }
}

/** Lets a signal end the work in order, what was half made being removed first. A second one ends the command at once. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    received = signal;
    controller.abort();
  };
  // Once each: the next one of its kind meets the default action. What it leaves half made, the next import sweeps.
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, onSignal);
  try {
    return await work(controller.signal);
  } catch (cause) {
    if (received === undefined) throw cause;
    throw new IsoError('interrupted', 'the image store was left as it was', `${received} was received`, { cause });
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}

/** A line on a terminal that tells how far the archive was read; nothing elsewhere. */
function progressLine(): { show(read: number, expected: number | undefined): void; clear(): void } {
  if (!process.stderr.isTTY) return { show: () => {}, clear: () => {} };
  let shown = 0;
  return {
    show: (read, expected) => {
      if (Date.now() - shown < PROGRESS_MS) return;
      shown = Date.now();
      const total = expected === undefined ? '' : ` of ${formatSize(expected)}`;
      process.stderr.write(`\r\x1b[Kreading ${formatSize(read)}${total}`);
    },
    clear: () => {
      if (shown > 0) process.stderr.write('\r\x1b[K');
    },
  };
}

function printImage({ image, changed }: ImportResult, json: boolean | undefined): void {
  if (json) {
    writeOut(`${JSON.stringify({ changed, image })}\n`);
    return;
  }
  const note = changed ? '' : ' (unchanged: the same image was there already)';
  writeOut(`${image.name}  ${image.layers[0]}  ${formatSize(image.size)}${note}\n`);
}

/** Runs `store` where there is room to begin it. */
async function whereRoom<T>(what: string, store: (identity: OwnIdentity) => Promise<T>): Promise<T> {
  const identity = readOwnIdentity();
  requireRoom(identity, (await readPolicy()).quota.refuse, what);
  return store(identity);
}

const changedImage = ({ image, changed }: ImportResult) => (changed ? image : undefined);

export async function importFile(file: string, name: string, options: ImportOptions): Promise<void> {
  const line = progressLine();
  const request = { file, name, source: file, force: options.force ?? false, onProgress: line.show };
  const work = () =>
    whereRoom(`cannot import ${file}`, (identity) =>
      interruptible((signal) => importImage(identity, { ...request, signal })).finally(line.clear),
    );
  printImage(await recorded('image.import', name, file, work, changedImage), options.json);
}

export async function bootstrap(name: string, options: BootstrapOptions): Promise<void> {
  const { suite, force = false } = options;
  const request = { name, force, showOutput: process.stderr.isTTY, ...(suite === undefined ? {} : { suite }) };
  const work = () =>
    whereRoom(`cannot make the image ${name}`, (identity) =>
      interruptible((signal) => bootstrapImage(identity, { ...request, signal })),
    );
  printImage(await recorded('image.bootstrap', name, suite ?? 'busybox', work, changedImage), options.json);
}

export async function list(options: ListOptions): Promise<void> {
  const images = listImages(readOwnIdentity().store);
  if (options.json) writeOut(`${JSON.stringify(images)}\n`);
  else if (options.quiet) writeOut(images.map(({ name }) => `${name}\n`).join(''));
  else {
    const row = (image: ImageRecord) => {
      const digest = (image.layers.at(-1) ?? '').slice('sha256:'.length).slice(0, 12);
      return [image.name, digest, image.created.replace(/\.\d+Z$/, 'Z'), formatSize(image.size), image.source];
    };
    writeOut(`${formatTable(['NAME', 'LAYER', 'CREATED', 'SIZE', 'SOURCE'], images.map(row))}\n`);
  }
}

export async function inspect(name: string): Promise<void> {
  writeOut(`${JSON.stringify(findImage(readOwnIdentity().store, name), undefined, 2)}\n`);
}

export function removeRecorded(name: string): Promise<ImageRecord> {
  const work = () => interruptible(() => removeImage(readOwnIdentity(), name));
  return recorded('image.remove', name, name, work, (removed) => removed);
}

export async function remove(name: string, options: { json?: boolean }): Promise<void> {
  const image = await removeRecorded(name);
  writeOut(options.json ? `${JSON.stringify(image)}\n` : `removed ${escapeControl(image.name)}\n`);
}
