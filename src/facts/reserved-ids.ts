/** Ids that are never subordinate ones, whoever owns them now: systemd's "Users, Groups, UIDs and GIDs". Pure. */
import type { IdRange } from './subids.js';

export const RESERVED: readonly (IdRange & { why: string })[] = [
  { start: 0, count: 1, why: "root's id" },
  { start: 60001, count: 513, why: 'an id of systemd-homed' },
  { start: 61184, count: 4336, why: 'an id that systemd gives out and takes back' },
  { start: 65534, count: 2, why: "nobody's id" },
  { start: 2147352576, count: 65536, why: "an id of systemd's foreign images" },
];

/** The first block holds the accounts' own ids and most of the above. */
export const FIRST_FRESH = 65536;
/** Beyond, an id is negative to programs that take it for a signed number. */
export const LAST_FRESH = 2147483647;
