/** `iso-run ps` as Podman prints it. Pure. */
import { formatValues, parseTemplate } from '../lib/format-template.js';
import { psJson, psRow } from './ps-row.js';
import { type Container, shortId } from './records.js';

export interface PsFormat {
  quiet?: boolean;
  json?: boolean;
  noTrunc?: boolean;
  format?: string;
}

const TABLE = 'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.Created}}\t{{.Status}}\t{{.Names}}';

/** Table, ids, JSON or what a template makes of each. `now` in milliseconds since the epoch. */
export function formatContainers(list: readonly Container[], flags: PsFormat, now: number): string {
  const noTrunc = flags.noTrunc ?? false;
  if (flags.json) {
    return `${JSON.stringify(list.map(({ record, state, running }) => ({ ...record, ...state, running })))}\n`;
  }
  if (flags.quiet) return list.map(({ record }) => `${noTrunc ? record.id : shortId(record.id)}\n`).join('');
  if (flags.format === 'json')
    return `${JSON.stringify(
      list.map((container) => psJson(container, now)),
      null,
      2,
    )}\n`;
  const template = parseTemplate(flags.format ?? TABLE);
  const rows = list.map((container) => psRow(container, { now, noTrunc }));
  return formatValues(template, rows, { ID: 'CONTAINER ID' });
}
