/** `--tz`: a time zone of the host in the container's /etc/localtime (tzfile(5)). Pure. */
import { refuse } from './refuse.js';
import type { Volume } from './volumes.js';

const ZONES = '/usr/share/zoneinfo';
/** `Europe/Berlin`, `America/Argentina/Ushuaia`, `Etc/GMT+1`, `UTC`. */
const ZONE = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9][A-Za-z0-9_+-]*){0,2}$/;
const MAX_LENGTH = 64;

export interface ZoneFlags {
  tz?: string;
  timezone?: string;
}

/** A bind like any other; none without the option. */
export function parseTimezone({ tz, timezone }: ZoneFlags, index: number): Volume[] {
  if (tz !== undefined && timezone !== undefined) throw refuse('--tz', '--timezone is the same');
  const zone = tz ?? timezone;
  if (zone === undefined) return [];
  const origin = `--tz ${zone}`;
  if (zone.length > MAX_LENGTH || !ZONE.test(zone))
    throw refuse(origin, 'it is neither local nor a zone such as Europe/Berlin');
  const source = zone === 'local' ? '/etc/localtime' : `${ZONES}/${zone}`;
  return [{ index, source, destination: '/etc/localtime', readOnly: true, noExec: true, origin }];
}
