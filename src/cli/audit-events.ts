/** `iso-audit events`. */
import { readFileSync } from 'node:fs';
import { parsePasswd } from '../facts/accounts.js';
import {
  type Account,
  lookUpAccounts,
  type ProvisionedUser,
  readOwnAccount,
  readProvisionedUser,
  readProvisionedUsers,
} from '../facts/provisioned.js';
import { IsoError } from '../lib/errors.js';
import { escapeControl } from '../lib/text.js';
import { CATEGORIES, type TrailEvent } from '../trail/event.js';
import { formatEvents, formatNote } from '../trail/format-events.js';
import { type EventSources, readEvents } from '../trail/read-trail.js';
import { TRAIL_DIR } from '../trail/record-event.js';
import { type EventFilter, parseSince } from '../trail/select-events.js';
import { writeOut } from './write-out.js';

interface Options {
  since?: string;
  category?: string;
  user?: string;
  limit: string;
  json?: boolean;
}

const MAX_LIMIT = 100_000;

function usage(what: string, why: string): IsoError {
  return new IsoError('usage.invalid', what, why);
}

function toLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw usage(`cannot use --limit '${text}'`, `it is not a number from 1 to ${MAX_LIMIT}`);
}

function toSince(text: string): number {
  const since = parseSince(text, Date.now());
  if (since !== undefined) return since;
  throw usage(`cannot use --since '${text}'`, 'it is neither a span such as 2h nor a date such as 2026-01-31T08:00');
}

function toCategory(text: string): TrailEvent['category'] {
  const category = CATEGORIES.find((known) => known === text);
  if (category) return category;
  throw usage(`cannot use --category '${text}'`, `it is not one of ${CATEGORIES.join(', ')}`);
}

/** A uid needs no account: events outlive users. */
async function toUser(text: string): Promise<NonNullable<EventFilter['user']>> {
  const [account] = await lookUpAccounts([text]);
  if (!account && !/^\d{1,10}$/.test(text)) {
    throw new IsoError('user.unknown', `cannot show the events of ${text}`, 'there is no such user');
  }
  const own = process.geteuid?.() ?? 0;
  if (own !== 0 && account?.uid !== own) {
    const options = { hint: 'run it as root, or leave out --user' };
    throw new IsoError('permission.denied', `cannot show the events of ${text}`, 'they are not yours', options);
  }
  if (!account) return { uid: Number(text), ranges: [] };
  return { uid: account.uid, name: account.name, ranges: (await readProvisionedUser(account))?.uids ?? [] };
}

async function toFilter(options: Options): Promise<EventFilter> {
  return {
    ...(options.since === undefined ? {} : { since: toSince(options.since) }),
    ...(options.category === undefined ? {} : { category: toCategory(options.category) }),
    ...(options.user === undefined ? {} : { user: await toUser(options.user) }),
  };
}

/** Root reads the trail and every spool, others their own spool. */
async function findSources(): Promise<EventSources> {
  if (process.geteuid?.() === 0) {
    return { trail: { directory: TRAIL_DIR, owner: 0 }, spools: await readProvisionedUsers() };
  }
  const own = await readProvisionedUser(readOwnAccount());
  return { spools: own ? [own] : [] };
}

function nameOf(spools: readonly { uid: number; name: string }[]): (uid: number) => string | undefined {
  const accounts: Pick<Account, 'uid' | 'name'>[] = [...parsePasswd(readFileSync('/etc/passwd', 'utf8')), ...spools];
  const names = new Map(accounts.map(({ uid, name }) => [uid, name]));
  return (uid) => names.get(uid);
}

export async function events(options: Options): Promise<void> {
  const limit = toLimit(options.limit);
  const filter = await toFilter(options);
  const sources = await findSources();
  const found = readEvents(sources, filter, limit);
  if (options.json) {
    for (const { event } of found.events) writeOut(`${JSON.stringify(event)}\n`);
  } else {
    writeOut(`${formatEvents(found, nameOf(sources.spools as ProvisionedUser[]))}\n`);
  }
  // Notes go where they cannot be taken for events.
  if (options.json && (found.notes.length > 0 || found.leftOut > 0)) {
    process.stderr.write(`${JSON.stringify({ leftOut: found.leftOut, notes: found.notes })}\n`);
  } else {
    for (const note of found.notes) process.stderr.write(`iso-audit: ${escapeControl(formatNote(note))}\n`);
    if (found.leftOut > 0) process.stderr.write(`iso-audit: ${found.leftOut} older events not shown (--limit)\n`);
  }
}
