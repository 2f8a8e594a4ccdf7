/** One rendered file of the host and what is to be done about it. Pure. */
import { judgeFile } from './plan-files.js';
import type { Deployed } from './state.js';
import { type Item, type ItemText, item } from './step.js';

/** A rendered file of the host, as it should be and as it is. */
export interface RenderedHostFile {
  kind: string;
  /** Absolute, as this process sees it. */
  path: string;
  content: string;
  present: { content: string; mode: number } | undefined;
  /** 0644 when undefined. */
  mode?: number;
}

const FILE_MODE = 0o644;
export const modeOf = ({ mode }: RenderedHostFile): number => mode ?? FILE_MODE;

/** One file that administrators may edit; edits are kept and told. */
export function planHostFile(file: RenderedHostFile, deployed: Deployed): Item {
  const mode = modeOf(file);
  const verdict = judgeFile({ ...file, mode, deployed: deployed[file.path] ?? [] });
  const { current, desired, reason } = verdict;
  const text: ItemText = { kind: file.kind, subject: file.path, current, desired };
  const args = { path: file.path, mode };
  switch (verdict.action) {
    case 'none':
      return item.unchanged('create', text, reason);
    case 'keep':
      return {
        ...item.drift('create', text, reason),
        edit: { before: file.present?.content ?? '', after: file.content },
      };
    case 'chmod':
      return item.todo('create', text, { kind: 'mode.set', args }, reason);
    case 'replace':
    case 'write':
      return item.todo('create', text, { kind: 'file.write', args: { ...args, content: file.content } }, reason);
  }
}
