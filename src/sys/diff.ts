/** The door to diff(1): two texts that this process holds, never a path of anybody else. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IsoError } from '../lib/errors.js';

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 8 * 2 ** 20;

/**
 * The unified difference of two texts, without its two header lines: empty when they are equal.
 * @throws IsoError tool.missing, tool.failed
 */
export function unifiedDiff(before: string, after: string): string {
  // Only this user may look into it (mkdtemp(3)).
  const place = mkdtempSync(join(tmpdir(), 'iso-diff.'));
  try {
    const [old, fresh] = [join(place, 'old'), join(place, 'new')];
    writeFileSync(old, before, { mode: 0o600 });
    writeFileSync(fresh, after, { mode: 0o600 });
    const { status, error, signal, stdout, stderr } = spawnSync('diff', ['--unified', '--', old, fresh], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
      timeout: TIMEOUT_MS,
      maxBuffer: MAX_BYTES,
    });
    if (error && status === null && signal === null)
      throw new IsoError('tool.missing', 'cannot run diff', error.message);
    if (status !== 0 && status !== 1) {
      throw new IsoError('tool.failed', 'diff did not compare two texts', stderr.trim() || String(signal ?? status));
    }
    return stdout.split('\n').slice(2).join('\n');
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
