/** An archive read once, from one descriptor: what is extracted is what the digest is computed over. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { hasErrno, IsoError } from '../lib/errors.js';
import { type Compression, detectCompression, findTruncation, TAR_BLOCK } from './archive-format.js';

const CHUNK_BYTES = 1024 * 1024;

export interface Archive {
  /** For messages: the path as given, or "standard input". */
  label: string;
  compression: Compression;
  /** Size of the file, undefined for standard input. */
  expected: number | undefined;
  /** The whole archive; to be read to its end. */
  bytes: Readable;
  /** `sha256:…` of the bytes. @throws IsoError image.invalid when the end was not reached or a plain archive is cut off */
  digest(): string;
  close(): Promise<void>;
}

function invalid(label: string, why: string): IsoError {
  return new IsoError('image.invalid', `cannot import ${label}`, why);
}

/** Without O_NONBLOCK the open of a named pipe would wait for a writer, and no signal would end it. */
async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new IsoError('archive.missing', `cannot import ${path}`, 'the file does not exist', { cause: error });
    }
    if (hasErrno(error, 'EACCES', 'EPERM')) {
      throw new IsoError('permission.denied', `cannot import ${path}`, 'the file may not be read', { cause: error });
    }
    throw error;
  }
}

/** Takes chunks off a source until they hold a tar block, or the source ends. */
async function takeFirst(source: AsyncIterator<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  while (length < TAR_BLOCK) {
    const next = await source.next();
    if (next.done) break;
    parts.push(next.value);
    length += next.value.length;
  }
  return Buffer.concat(parts);
}

/** Opens `path`, `-` for standard input. @throws IsoError archive.missing, permission.denied, image.invalid */
export async function openArchive(path: string, onProgress: (bytes: number) => void = () => {}): Promise<Archive> {
  const label = path === '-' ? 'standard input' : path;
  const handle = path === '-' ? undefined : await openFile(path);
  try {
    const stat = await handle?.stat();
    if (stat?.isDirectory()) throw invalid(label, 'it is a directory');
    if (stat !== undefined && !stat.isFile()) {
      throw new IsoError('image.invalid', `cannot import ${label}`, 'it is not a regular file', {
        hint: 'give a pipe or a device on standard input: iso-run image import - NAME < FILE',
      });
    }
    const stream = handle?.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: false }) ?? process.stdin;
    const source = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const first = await takeFirst(source);
    const detected = detectCompression(first.subarray(0, TAR_BLOCK));
    if ('why' in detected) throw invalid(label, detected.why);
    return {
      label,
      compression: detected.compression,
      expected: stat?.size,
      ...hashing(label, detected.compression, first, source, onProgress),
      close: async () => {
        stream.destroy();
        await handle?.close();
      },
    };
  } catch (error) {
    await handle?.close();
    throw error;
  }
}

function hashing(
  label: string,
  compression: Compression,
  first: Buffer,
  source: AsyncIterator<Buffer>,
  onProgress: (bytes: number) => void,
): Pick<Archive, 'bytes' | 'digest'> {
  const hash = createHash('sha256');
  let last: Buffer = Buffer.alloc(0);
  let length = 0;
  let ended = false;
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let chunk: Buffer | undefined = first; chunk !== undefined; ) {
      hash.update(chunk);
      length += chunk.length;
      last = Buffer.concat([last, chunk.subarray(-TAR_BLOCK)]).subarray(-TAR_BLOCK);
      onProgress(length);
      yield chunk;
      const next: IteratorResult<Buffer> = await source.next();
      chunk = next.done ? undefined : next.value;
    }
    ended = true;
  }
  return {
    bytes: Readable.from(chunks(), { objectMode: false }),
    digest: () => {
      if (!ended) throw invalid(label, `the archive was read only to byte ${length}`);
      const cut = compression === 'none' ? findTruncation(length, last) : undefined;
      if (cut !== undefined) throw invalid(label, cut);
      return `sha256:${hash.digest('hex')}`;
    },
  };
}
