/** Another name for a container: claimed before the old one is given back, so that no moment is without either. */
import { existsSync, mkdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno, IsoError } from '../lib/errors.js';
import { recordLifecycle } from './end-container.js';
import { parseName } from './options/names.js';
import { type Container, writeRecord } from './records.js';

/** As the launcher claims names (native/ops/records.c); one whose container is gone is free. */
function claim(store: string, name: string, id: string): void {
  const path = join(store, 'names', name);
  mkdirSync(join(store, 'names'), { recursive: true, mode: 0o700 });
  try {
    symlinkSync(`../containers/${id}`, path);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
    if (existsSync(path)) {
      throw new IsoError('container.exists', `cannot name a container ${name}`, 'a container of this name exists');
    }
    unlinkSync(path);
    symlinkSync(`../containers/${id}`, path);
  }
}

function release(store: string, name: string, id: string): void {
  const path = join(store, 'names', name);
  try {
    if (readlinkSync(path) === `../containers/${id}`) unlinkSync(path);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}

/** @throws IsoError usage.invalid, container.exists */
export function renameContainer(store: string, container: Container, text: string): void {
  const name = parseName(text);
  const { record } = container;
  claim(store, name, record.id);
  writeRecord(store, { ...record, name });
  release(store, record.name, record.id);
  recordLifecycle({ ...container, record: { ...record, name } }, 'container.rename', `was called ${record.name}`, {
    before: record.name,
  });
}
