/** Programs that people run, in containers of an ordinary user with default options. */
import { chmodSync, chownSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeUser, type ThrowawayUser } from '../integration/throwaway-user.js';
import { until } from '../integration/until.js';
import { makeArchive, makeRepository } from './image.mjs';

let user: ThrowawayUser;
const run = (...args: string[]) => user.isoRun(['run', '--rm', ...args]);

beforeAll(async () => {
  const archive = makeArchive();
  user = makeUser();
  const repository = join(user.scratch, 'repository');
  cpSync(makeRepository(archive), repository, { recursive: true });
  chmodSync(repository, 0o755);
  const { status, stderr } = await user.isoRun(['image', 'import', archive, 'debian']);
  expect([status, stderr]).toEqual([0, '']);
}, 900_000);
afterAll(() => user?.remove());

it('nginx listens on port 80, serves with its own user, and ends when it is stopped', async () => {
  const started = await user.isoRun(['run', '-d', '--name', 'web', 'debian', 'nginx', '-g', 'daemon off;']);
  expect(started.stderr).toBe('');
  const get = `exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`;
  await until(async () => /Welcome to nginx/.test((await user.isoRun(['exec', 'web', 'bash', '-c', get])).stdout));
  const owners = 'for p in /proc/[0-9]*; do echo $(cat $p/comm) $(stat -c %U $p); done';
  const { stdout } = await user.isoRun(['exec', 'web', 'bash', '-c', owners]);
  expect(stdout).toMatch(/^nginx root$/m);
  expect(stdout).toMatch(/^nginx www-data$/m);
  await user.isoRun(['stop', 'web']);
  expect((await user.isoRun(['wait', 'web'])).stdout).toBe('0\n');
  await user.isoRun(['rm', 'web']);
});

it('PostgreSQL makes a cluster in a named volume, and finds it again', async () => {
  const with_ = (script: string) =>
    run('-u', 'postgres', '-v', 'cluster:/var/lib/postgresql', 'debian', 'bash', '-ec', script);
  const at = 'export PATH=$PATH:$(echo /usr/lib/postgresql/*/bin) PGDATA=/var/lib/postgresql/own PGHOST=/tmp';
  const serve = `pg_ctl -o '-k /tmp' -w -s -l /tmp/log start || { cat /tmp/log; exit 1; }`;
  const made = await with_(`${at}; initdb -A trust >/dev/null; ${serve}
    psql -qc 'create table t as select generate_series(1, 100000) n; create index on t (n)'; pg_ctl -s -m fast stop`);
  expect([made.status, made.stdout, made.stderr]).toEqual([0, '', '']);
  const found = await with_(
    `${at}; ${serve}; psql -Atc 'set max_parallel_workers_per_gather = 2; select sum(n) from t'; pg_ctl -s stop`,
  );
  expect([found.status, found.stdout]).toEqual([0, 'SET\n5000050000\n']);
});

it('make and gcc build in a directory of the user, whose files are the user’s', async () => {
  const source = join(user.home, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'Makefile'), 'CFLAGS = -O2 -Wall\nsum: main.o sum.o\n\t$(CC) -pthread -o $@ $^\n');
  writeFileSync(join(source, 'sum.c'), 'int sum(int a, int b) { return a + b; }\n');
  const main = '#include <stdio.h>\nint sum(int, int);\nint main(void) { return printf("%d\\n", sum(40, 2)) < 0; }\n';
  writeFileSync(join(source, 'main.c'), main);
  chownSync(source, user.uid, user.gid);
  const built = await run('-v', `${source}:/src`, '-w', '/src', 'debian', 'sh', '-c', 'make -s -j2 && ./sum');
  expect([built.status, built.stdout]).toEqual([0, '42\n']);
  expect(user.sh(`stat -c %U ${source}/sum`)).toBe(`${user.name}\n`);
});

it('apt-get installs packages and removes them, with its own user for downloads', async () => {
  const script = `set -e; rm -f /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/repository ./' >/etc/apt/sources.list
    apt-get update -qq; apt-get install -y -qq hello jq uuid-runtime >/tmp/out 2>&1 || { cat /tmp/out; exit 1; }
    hello; echo '{"a": 7}' | jq .a; apt-get purge -y -qq hello >/dev/null; hash -r; command -v hello || echo gone
    dpkg --audit; grep -E '^(W|E):' /tmp/out || true`;
  const volume = ['-v', `${user.scratch}/repository:/repository:ro`];
  const { status, stdout } = await run(...volume, 'debian', 'bash', '-c', script);
  expect([status, stdout]).toEqual([0, 'Hello, world!\n7\ngone\n']);
});

it('Node serves, has threads and starts programs', async () => {
  const script = `
    const { Worker } = require('worker_threads'), { execFileSync } = require('child_process'), http = require('http');
    const worker = new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true });
    worker.on('message', (answer) => {
      const server = http.createServer((_, response) => response.end(execFileSync('id', ['-u'])));
      server.listen(8080, () => http.get('http://localhost:8080', (response) => {
        response.on('data', (data) => console.log(answer, String(data).trim()));
        response.on('end', () => server.close());
      }));
    });`;
  const { status, stdout, stderr } = await run('-u', '1000', 'debian', 'node', '-e', script);
  expect([status, stdout, stderr]).toEqual([0, '42 1000\n', '']);
});
