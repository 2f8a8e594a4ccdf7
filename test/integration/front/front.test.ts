/** The front as the shell finds it: which bundle it starts, with which environment, and what it says when it cannot. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installed } from '../../../src/sys/install.js';

const place = mkdtempSync(join(tmpdir(), 'front-'));
const COMMANDS = ['iso-run', 'iso-setup', 'iso-audit'];

/** Stands for a bundle: prints what Node gave it, and ends with a status of its own. */
const REPORT = `process.stdout.write(JSON.stringify({ script: __filename, argv: process.argv.slice(2), env: process.env }));
process.exit(42);`;

beforeAll(() => {
  // Bundles lie beside it, whatever name it is started under.
  cpSync(installed('iso-front'), join(place, 'front'));
  for (const name of [...COMMANDS, 'iso-run-run']) writeFileSync(join(place, `${name}.js`), REPORT);
  for (const name of COMMANDS) symlinkSync('front', join(place, name));
});

afterAll(() => rmSync(place, { recursive: true }));

function start(name: string, args: string[] = [], env: Record<string, string> = {}) {
  const ended = spawnSync(join(place, name), args, { env: { PATH: '/usr/bin:/bin', ...env }, encoding: 'utf8' });
  return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

describe('the front', () => {
  it.each(COMMANDS)('starts the bundle of %s with its arguments and gives its status back', (name) => {
    const args = ['plan', 'run', '--eval', '1', '', 'a b', '-'];
    const { status, stdout } = start(name, args);
    expect(status).toBe(42);
    expect(JSON.parse(stdout)).toMatchObject({ script: join(place, `${name}.js`), argv: args });
  });

  it('starts the bundle of `run` alone for iso-run, and for no other command', () => {
    const scriptOf = (name: string, args: string[]) => JSON.parse(start(name, args).stdout).script;
    expect(scriptOf('iso-run', ['run', '--rm'])).toBe(join(place, 'iso-run-run.js'));
    expect(scriptOf('iso-run', ['run'])).toBe(join(place, 'iso-run-run.js'));
    expect(scriptOf('iso-run', ['running'])).toBe(join(place, 'iso-run.js'));
    expect(scriptOf('iso-setup', ['run'])).toBe(join(place, 'iso-setup.js'));
  });

  it('takes what Node, libuv and OpenSSL act on out of the environment, and nothing else', () => {
    const kept = {
      HOME: '/nowhere',
      LANG: 'C.UTF-8',
      XNODE_OPTIONS: '1',
      NODES: '1',
      UVX: '1',
      https_proxy: 'http://p',
    };
    const dropped = {
      NODE_OPTIONS: '--require=/no/such/file',
      NODE_PATH: '/tmp',
      NODE_EXTRA_CA_CERTS: '/no/such/file',
      NODE_V8_COVERAGE: join(place, 'coverage'),
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      UV_THREADPOOL_SIZE: '1024',
      SSL_CERT_FILE: '/no/such/file',
      OPENSSL_CONF: '/no/such/file',
      SSLKEYLOGFILE: join(place, 'keys'),
      ICU_DATA: '/tmp',
      npm_config_cache: '/tmp',
    };
    const { stdout } = start('iso-setup', [], { ...dropped, ...kept });
    expect(JSON.parse(stdout).env).toEqual({ PATH: '/usr/bin:/bin', ...kept });
  });

  it('is started under a name that it knows, or says so', () => {
    symlinkSync('front', join(place, 'iso-other'));
    for (const name of ['iso-other', 'front']) {
      const { status, stderr } = start(name);
      expect(status).toBe(64);
      expect(stderr).toMatch(/^iso-front: .*\n {2}why: .*\n {2}hint: .*\n {2}code: usage\.invalid\n$/);
    }
  });

  it('builds no path from its name', () => {
    cpSync(join(place, 'front'), join(place, 'copy'));
    const ended = spawnSync(join(place, 'copy'), { argv0: '../../iso-run', encoding: 'utf8' });
    expect(JSON.parse(ended.stdout).script).toBe(join(place, 'iso-run.js'));
  });

  it.each([
    ['iso-run', 125],
    ['iso-setup', 69],
    ['iso-audit', 69],
  ])('%s says what is wrong when Node cannot be started, and ends with %i', (name, expected) => {
    // /dev/null in its place cannot be executed.
    const script = 'mount --bind /dev/null /usr/bin/node && exec "$0"';
    const ended = spawnSync('unshare', ['--mount', 'sh', '-c', script, join(place, name)], { encoding: 'utf8' });
    expect(ended.status).toBe(expected);
    expect(ended.stderr).toMatch(
      new RegExp(
        `^${name}: cannot start /usr/bin/node\n {2}why: {2}Permission denied\n {2}hint: .*\n {2}code: tool\\.missing\n$`,
      ),
    );
  });
});
