/** The process iso-home: jobs go in and reports come out as frames, in any order. The protocol is told in native/home-serve.c. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { IsoError } from '../lib/errors.js';
import { installed } from './install.js';

interface Waiting {
  resolve: (report: Buffer) => void;
  reject: (error: Error) => void;
}

const HEAD_BYTES = 8;
const MAX_REPORT_BYTES = 64 * 2 ** 20;
/** iso-home gives a home a minute; when it says nothing for longer, it is itself what does not answer. */
const SILENCE_MS = 90_000;
/** A timer that is later than this was held up by ourselves, as by a walk through a large tree. */
const LATE_MS = 1000;

/** Calls `take` for each whole frame of the stream; throws on one that no report can be. */
function readFrames(take: (number: number, report: Buffer) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let size = 0;
  let wanted = HEAD_BYTES;
  return (chunk) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size < wanted) return;
    let bytes = Buffer.concat(chunks);
    for (;;) {
      wanted = HEAD_BYTES;
      if (bytes.length < wanted) break;
      const length = bytes.readUInt32LE(4);
      if (length > MAX_REPORT_BYTES) throw new Error('a report is too large');
      wanted += length;
      if (bytes.length < wanted) break;
      take(bytes.readUInt32LE(0), bytes.subarray(HEAD_BYTES, wanted));
      bytes = bytes.subarray(wanted);
    }
    chunks = [bytes];
    size = bytes.length;
  };
}

function start(): ChildProcess {
  return spawn(installed('iso-home'), [], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: {},
    cwd: '/',
  });
}

/** Starts iso-home. `send` gives the report on one job; `close` waits for its end, after which it takes no more. */
export function openHomeProgram(silenceMs = SILENCE_MS): {
  send: (job: readonly Buffer[]) => Promise<Buffer>;
  close: () => Promise<void>;
} {
  const waiting = new Map<number, Waiting>();
  const child = start();
  const [request, report] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  let sent = 0;
  let failure: Error | undefined;
  let heard = performance.now();
  const listen = () => {
    heard = performance.now();
    silence.refresh();
  };
  const silence = setTimeout(() => {
    // What was said meanwhile has yet to be read.
    const isLate = performance.now() - heard > silenceMs + LATE_MS;
    if (waiting.size > 0 && !isLate) fail(new IsoError('os.failed', 'cannot work in homes', 'iso-home gave no answer'));
    else listen();
  }, silenceMs);
  silence.unref();

  function fail(error: Error): void {
    failure ??= error;
    child.kill('SIGKILL');
    for (const { reject } of waiting.values()) reject(failure);
    waiting.clear();
  }
  // A program that ends early closes its end; what there is to say about that comes by its exit.
  request.on('error', () => undefined);
  const take = readFrames((number, bytes) => {
    listen();
    waiting.get(number)?.resolve(bytes);
    waiting.delete(number);
  });
  report.on('data', (chunk: Buffer) => {
    try {
      take(chunk);
    } catch (error) {
      fail(new IsoError('os.failed', 'cannot work in homes', 'iso-home gave a report that is none', { cause: error }));
    }
  });
  report.on('error', fail);
  child.on('error', (error) =>
    fail(new IsoError('tool.missing', 'cannot run iso-home', error.message, { cause: error })),
  );
  const closed = new Promise<void>((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(silence);
      fail(new IsoError('os.failed', 'cannot work in homes', `iso-home ended with ${signal ?? `status ${code}`}`));
      resolve();
    });
    child.on('error', () => resolve());
  });
  return {
    send: (job) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        waiting.set(sent++, { resolve, reject });
        const head = Buffer.alloc(4);
        head.writeUInt32LE(job.reduce((size, part) => size + part.length, 0));
        request.write(Buffer.concat([head, ...job]));
      }),
    close: async () => {
      request.end();
      await closed;
    },
  };
}
