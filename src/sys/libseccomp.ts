/** The door to libseccomp(3): resolved rules to BPF programs that the launcher loads. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { IsoError } from '../lib/errors.js';
import { cFunction, errnoError, ffi } from './ffi.js';

const LIBRARY = 'libseccomp.so.2';
/** enum scmp_filter_attr: what a system call of another architecture gets; how the program is laid out (2: binary tree). */
const ATTR_ACT_BADARCH = 2;
const ATTR_OPTIMIZE = 8;
const MFD_CLOEXEC = 1;

/** One condition on an argument, as struct scmp_arg_cmp holds it. */
export interface ArgumentTest {
  arg: number;
  op: number;
  a: bigint;
  b: bigint;
}

export interface FilterRule {
  names: readonly string[];
  action: number;
  tests: readonly ArgumentTest[];
}

export interface Filter {
  defaultAction: number;
  /** Action for system calls of an architecture that the filter does not list. */
  badArchAction: number;
  /** AUDIT_ARCH tokens beside the native one (SCMP_ARCH_X86 and so on). */
  architectures: readonly number[];
  rules: readonly FilterRule[];
}

function bindings() {
  const koffi = ffi();
  if (!types) {
    koffi.struct('scmp_arg_cmp', { arg: 'unsigned int', op: 'int', a: 'uint64_t', b: 'uint64_t' });
    types = true;
  }
  return {
    init: cFunction(LIBRARY, 'void *seccomp_init(uint32_t action)') as unknown as (action: number) => unknown,
    release: cFunction(LIBRARY, 'void seccomp_release(void *ctx)'),
    attrSet: cFunction(LIBRARY, 'int seccomp_attr_set(void *ctx, int attr, uint32_t value)'),
    archAdd: cFunction(LIBRARY, 'int seccomp_arch_add(void *ctx, uint32_t token)'),
    resolve: cFunction(LIBRARY, 'int seccomp_syscall_resolve_name(const char *name)'),
    ruleAdd: cFunction(
      LIBRARY,
      'int seccomp_rule_add_array(void *ctx, uint32_t action, int number, unsigned int count, const scmp_arg_cmp *tests)',
    ),
    exportBpf: cFunction(LIBRARY, 'int seccomp_export_bpf(void *ctx, int fd)'),
  };
}
let types = false;
type Bindings = ReturnType<typeof bindings>;

function require(result: number, what: string): void {
  if (result < 0)
    throw new IsoError(
      'seccomp.invalid',
      'cannot compile the system-call filter',
      `${what}: libseccomp answers ${result}`,
    );
}

// __NR_SCMP_ERROR: no architecture has the name, so the kernel cannot have the call; OCI runtimes skip it too.
const UNKNOWN_SYSCALL = -1;

function addRules(lib: Bindings, context: unknown, filter: Filter): void {
  for (const { names, action, tests } of filter.rules) {
    // A rule equal to the default is refused by libseccomp and says nothing.
    if (action === filter.defaultAction) continue;
    for (const name of names) {
      const number = lib.resolve(name);
      if (number !== UNKNOWN_SYSCALL) require(lib.ruleAdd(context, action, number, tests.length, tests), name);
    }
  }
}

function exportProgram(lib: Bindings, context: unknown): Buffer {
  const fd = cFunction('libc.so.6', 'int memfd_create(const char *name, unsigned int flags)')('seccomp', MFD_CLOEXEC);
  if (fd < 0) throw errnoError('memfd_create', 'seccomp');
  try {
    require(lib.exportBpf(context, fd), 'export');
    const program = Buffer.alloc(fstatSync(fd).size);
    readSync(fd, program, 0, program.length, 0);
    return program;
  } finally {
    closeSync(fd);
  }
}

/** Compiles a filter to the instructions that seccomp(2) takes. @throws IsoError seccomp.invalid */
export function compileFilter(filter: Filter): Buffer {
  const lib = bindings();
  const context = lib.init(filter.defaultAction);
  if (!context)
    throw new IsoError(
      'seccomp.invalid',
      'cannot compile the system-call filter',
      'libseccomp refuses the default action',
    );
  try {
    for (const token of filter.architectures) require(lib.archAdd(context, token), `architecture ${token}`);
    require(lib.attrSet(context, ATTR_ACT_BADARCH, filter.badArchAction), 'bad-architecture action');
    // A binary tree over the numbers instead of a chain: cheaper to load and to run; older libraries lack it.
    lib.attrSet(context, ATTR_OPTIMIZE, 2);
    addRules(lib, context, filter);
    return exportProgram(lib, context);
  } finally {
    lib.release(context);
  }
}
