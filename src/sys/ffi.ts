/** The door to C functions through koffi. Loaded lazily: it costs 11 to 20 ms. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type * as KoffiModule from 'koffi';
import type { LibraryHandle } from 'koffi';
import { installed } from './install.js';

type Koffi = typeof KoffiModule;

let loaded: Koffi | undefined;

// koffi's own loader needs `import.meta.dirname`, which Node 18 lacks; its prebuilt binary is the same object.
function load(): Koffi {
  const require = createRequire(import.meta.url);
  const file = installed('koffi.node');
  return require(existsSync(file) ? file : 'koffi') as Koffi;
}

/** The koffi module. */
export function ffi(): Koffi {
  loaded ??= load();
  return loaded;
}

const libraries = new Map<string, LibraryHandle>();

/** A function of a shared library, declared by its C prototype: `cFunction('libc.so.6', 'int fsync(int fd)')`. */
export function cFunction(library: string, prototype: string): (...args: unknown[]) => number {
  let handle = libraries.get(library);
  if (!handle) {
    handle = ffi().load(library);
    libraries.set(library, handle);
  }
  return handle.func(prototype) as unknown as (...args: unknown[]) => number;
}

/** The errno of the last call through koffi on this thread, as a Node error with `code` and `syscall`. */
export function errnoError(syscall: string, subject: string): NodeJS.ErrnoException {
  const number = ffi().errno();
  const code = errnoName(number);
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall} '${subject}'`);
  return Object.assign(error, { errno: -number, code, syscall, path: subject });
}

// Of two names for one number (EAGAIN, EWOULDBLOCK) the first.
const ERRNO_NAMES = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** errno number to its name: 2 gives `ENOENT`. libuv's own table knows fewer of them, in Node 18 not even ENODATA. */
export function errnoName(number: number): string {
  return ERRNO_NAMES.get(number) ?? `errno ${number}`;
}
