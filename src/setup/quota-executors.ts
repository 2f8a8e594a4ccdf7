/** What carries out the steps on quota projects. */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, readPlainFile, replaceFile } from '../sys/atomic-file.js';
import { setProjectLimits } from '../sys/quota.js';
import { type TreeFindings, type TreeRequest, walkTree } from '../sys/tree.js';
import { removeProjectLines } from './project-files.js';
import { formatQuotas, parseQuotas, QUOTA_FILE } from './quota-state.js';
import { describeLeft, describeUncounted, plural } from './quota-words.js';
import { STATE_DIR } from './state.js';
import type { HostStepArgs, StepNote } from './step.js';

const MAX_PASSES = 3;

/** Twice, since a file may be moved from where the walk has not been to where it has; what is done is passed over quickly. */
function tag(request: TreeRequest): StepNote {
  let changed = 0;
  let last: TreeFindings | undefined;
  for (let pass = 0; pass < MAX_PASSES && (pass < 2 || last?.changed !== 0); pass += 1) {
    last = walkTree(request);
    changed += last.changed;
  }
  const left = last ? describeLeft(last) : [];
  const done = [plural(changed, 'file was put into it', 'files were put into it'), ...left].join('; ');
  if (!last || last.uncounted + last.failed === 0) return { reason: done };
  return { state: 'drift', reason: `${done}; ${describeUncounted(last)}` };
}

function declare({ root, uid, declared }: HostStepArgs['quota.declare']): void {
  const path = join(root, QUOTA_FILE);
  const { [String(uid)]: _, ...others } = parseQuotas(readPlainFile(path)?.text);
  const isEmpty = declared.size === undefined && declared.inodes === undefined;
  makeDirectory(join(root, STATE_DIR), 0o700);
  const text = formatQuotas(isEmpty ? others : { ...others, [String(uid)]: declared });
  replaceFile(path, text, { mode: 0o600, uid: 0, gid: 0 });
}

function limit({ home, project, limits }: HostStepArgs['quota.limit']): void {
  const fd = openSync(home, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    setProjectLimits(fd, project, limits);
  } finally {
    closeSync(fd);
  }
}

type QuotaStepKind = 'project.tag' | 'project.forget' | 'quota.declare' | 'quota.limit';

export const quotaExecutors: { [K in QuotaStepKind]: (args: HostStepArgs[K]) => Promise<void> | StepNote | void } = {
  'project.tag': tag,
  'project.forget': ({ root, lines }) => removeProjectLines(root, lines),
  'quota.declare': declare,
  'quota.limit': limit,
};
