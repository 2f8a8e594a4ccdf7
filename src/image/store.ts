/** The image store of one user, below STORE in the home: records in `images/`, root file systems in `layers/`. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { validateImageRecord } from '../generated/validators.js';
import { hasErrno, IsoError } from '../lib/errors.js';
import { DIGEST, type ImageRecord, MAX_RECORD_BYTES } from './record.js';
import { parseReference, recordFileName } from './reference.js';

export type { ImageConfig, ImageRecord } from './record.js';

/** Creates what is missing of the store, closed to everybody else: layers hold setuid files of the user. */
export function prepareStore(store: string): void {
  for (const part of ['images', 'layers', 'containers', 'tmp']) {
    mkdirSync(join(store, part), { recursive: true, mode: 0o700 });
  }
}

function readRecord(file: string): ImageRecord | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.size > MAX_RECORD_BYTES) throw corrupt(file, 'it is not a small regular file');
    return decodeRecord(readFileSync(fd, 'utf8'), file);
  } finally {
    closeSync(fd);
  }
}

function corrupt(file: string, why: string): IsoError {
  return new IsoError('image.invalid', `cannot use the image record ${file}`, why, {
    hint: 'remove the file and import the image again',
  });
}

/** Text of a record file to the record; `file` is for the error. @throws IsoError image.invalid */
export function decodeRecord(text: string, file: string): ImageRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw corrupt(file, error instanceof Error ? error.message : 'it is not JSON');
  }
  if (!validateImageRecord(value)) {
    const problems = (validateImageRecord.errors ?? []).slice(0, 5);
    throw corrupt(file, problems.map((e) => `${e.instancePath.slice(1) || 'record'} ${e.message}`).join('; '));
  }
  return value as ImageRecord;
}

/** The image of this name, undefined when there is none. @throws IsoError usage.invalid, image.invalid */
export function lookUpImage(store: string, reference: string): ImageRecord | undefined {
  const name = parseReference(reference);
  const file = join(store, 'images', recordFileName(name));
  const record = readRecord(file);
  if (record !== undefined && record.name !== name) throw corrupt(file, `it names the image ${record.name}`);
  return record;
}

/**
 * The image of this name, its layers present.
 * @throws IsoError usage.invalid for a name outside the grammar, image.missing, image.invalid for a damaged record
 */
export function findImage(store: string, reference: string): ImageRecord {
  const record = lookUpImage(store, reference);
  if (record !== undefined) return record;
  throw new IsoError('image.missing', `cannot find the image ${parseReference(reference)}`, `no record below ${store}`);
}

/** All images, by name. @throws IsoError image.invalid when a record is damaged */
export function listImages(store: string): ImageRecord[] {
  let files: string[];
  try {
    files = readdirSync(join(store, 'images'));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
  return files
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => readRecord(join(store, 'images', file)))
    .filter((record) => record !== undefined);
}

/** Root directory of a layer. @throws IsoError image.invalid when the digest is not one */
export function layerPath(store: string, digest: string): string {
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) {
    throw new IsoError('image.invalid', `cannot use ${JSON.stringify(digest.slice(0, 80))} as a layer`, 'not a digest');
  }
  return join(store, 'layers', hex);
}

/** Writes or replaces a record: a reader sees the old or the new one, also after a power cut. */
export function writeRecord(store: string, record: ImageRecord): void {
  const folder = join(store, 'images');
  const file = join(folder, recordFileName(record.name));
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const fd = openSync(temporary, 'w', 0o600);
    try {
      writeSync(fd, `${JSON.stringify(record)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
    syncFolder(folder);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new IsoError('write.failed', `cannot write the image record ${file}`, String(error), { cause: error });
  }
}

/** Removes a record, when there is one. */
export function removeRecord(store: string, name: string): void {
  rmSync(join(store, 'images', recordFileName(name)), { force: true });
  syncFolder(join(store, 'images'));
}

/** Makes renames and removals in a folder durable. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
