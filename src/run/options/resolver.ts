/** How a container finds names: `--add-host`, `--dns`, `--dns-search`, `--dns-option`. Pure. */
import { isIP } from 'node:net';
import { refuse } from './refuse.js';

export interface HostAddress {
  name: string;
  address: string;
}

/** What resolv.conf(5) holds. */
export interface Resolver {
  servers: string[];
  search: string[];
  options: string[];
}

const NAME = /^(?=.{1,253}$)[a-zA-Z0-9_]([a-zA-Z0-9_.-]*[a-zA-Z0-9_])?$/;
/** As many as glibc reads (resolv.conf(5)). */
const MAX_SERVERS = 3;
const MAX_SEARCH = 32;
const MAX_OPTIONS = 32;

/** `NAME:ADDRESS` or `NAME=ADDRESS`. */
export function parseHost(text: string): HostAddress {
  const option = `--add-host ${text}`;
  const [, name = '', bare = ''] = /^([^:=]+)[:=](.*)$/s.exec(text) ?? [];
  const address = bare.replace(/^\[(.*)\]$/, '$1');
  if (address === 'host-gateway')
    throw refuse(option, 'the container has no network, so the host is not reached from it');
  if (!NAME.test(name)) throw refuse(option, 'it is not NAME:ADDRESS with a host name');
  if (isIP(address) === 0) throw refuse(option, `'${address}' is not an IP address`);
  return { name, address };
}

function bounded(texts: readonly string[], most: number, option: string): readonly string[] {
  if (texts.length > most) throw refuse(option, `at most ${most} of it are read`);
  return texts;
}

const SETTING = /^[a-zA-Z0-9_-]{1,64}(:[a-zA-Z0-9_.-]{1,64})?$/;

/** Undefined when nothing was asked for: the container keeps the image's file. */
export function parseResolver(flags: {
  dns?: string[];
  dnsSearch?: string[];
  dnsOption?: string[];
}): Resolver | undefined {
  const servers = bounded(flags.dns ?? [], MAX_SERVERS, '--dns');
  const search = bounded(flags.dnsSearch ?? [], MAX_SEARCH, '--dns-search');
  const options = bounded(flags.dnsOption ?? [], MAX_OPTIONS, '--dns-option');
  if (servers.length + search.length + options.length === 0) return undefined;
  const server = servers.find((text) => isIP(text) === 0);
  if (server !== undefined) throw refuse(`--dns ${server}`, 'it is not an IP address');
  const domain = search.find((text) => text !== '.' && !NAME.test(text));
  if (domain !== undefined) throw refuse(`--dns-search ${domain}`, 'it is not a domain');
  const setting = options.find((text) => !SETTING.test(text));
  if (setting !== undefined) throw refuse(`--dns-option ${setting}`, 'it is not an option of resolv.conf(5)');
  // A dot alone stands for no domains at all.
  return { servers: [...servers], search: search.filter((text) => text !== '.'), options: [...options] };
}
