/** The lines of subuid(5) and subgid(5) as this host has them. */
import { readFileSync } from 'node:fs';
import { hasErrno } from '../lib/errors.js';
import { parseSubids, type SubidLine } from './subids.js';

/** None when the file does not exist. @throws system errors */
export function readSubidLines(file: string): SubidLine[] {
  try {
    return parseSubids(readFileSync(file, 'latin1'));
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
