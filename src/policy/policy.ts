/** The administrator's declaration: its type, its JSON schema and its defaults. Pure. */
import type { JSONSchemaType } from 'ajv';

/** `/etc/iso/policy.toml` merged over the defaults. Sizes are text as people write them (`10G`), parsed where used. */
export interface Policy {
  /** Whom `iso-setup user --all` sets up; an id of 0 stands for UID_MIN and UID_MAX of login.defs(5). */
  users: {
    uid_min: number;
    uid_max: number;
    groups: string[];
    shells: string[];
    /**
     * Who acts for them beside the administrator: useradd(8) sets them up as it makes them, PAM as it lets them in;
     * userdel(8) has taken back what is left of them.
     */
    hooks: ('useradd' | 'login' | 'userdel')[];
  };
  /** Subordinate uid and gid ranges (subuid(5)). */
  subids: { min: number; max: number; count: number };
  /**
   * XFS project quota of a user's container tree; `missing` says what a host without project quota means. In percent of the
   * limit: from `refuse` on no container is made and no image stored (0: never), `thresholds` are told to the audit trail.
   */
  quota: {
    size: string;
    reserve: string;
    inodes: number;
    missing: 'report' | 'require';
    refuse: number;
    thresholds: number[];
  };
  /** cgroup v2 controllers handed to each user's systemd manager. */
  delegation: { controllers: string[] };
  /** Hard ceilings on `user-UID.slice`; empty text or 0 leaves one out. */
  slice: { memory: string; cpus: number; pids: number };
  /**
   * systemd linger: `never` touches nothing, `always` enables it while provisioning, `on-demand` has `iso-run` ask for it when
   * a user's first container goes on without its caller.
   */
  linger: 'never' | 'always' | 'on-demand';
  /** Defaults of `iso-run run`; guard rails, since a user can start other programs. Empty text or 0 leaves one out. */
  run: {
    memory: string;
    cpus: number;
    pids: number;
    /** What a missing controller does to a default limit; a limit asked for by option always fails. */
    missing: 'warn' | 'error';
    capabilities: string[];
    storage_driver: 'auto' | 'fuse-overlayfs' | 'overlay';
    /** Where SELinux is enabled: what becomes of a container that cannot have a label of its own. */
    selinux: 'require' | 'report';
    /** What a system-call filter of the user's own may do: only take away, or stand alone; then also be none at all. */
    seccomp: 'tighten' | 'replace';
    /** Whose a container's network namespace may be: `container` lets a run ask for its own root. */
    network_owner: 'session' | 'container';
  };
}

export const DEFAULT_POLICY: Policy = {
  users: { uid_min: 0, uid_max: 0, groups: [], shells: [], hooks: [] },
  subids: { min: 524288, max: 1879048191, count: 65536 },
  quota: { size: '10G', reserve: '512M', inodes: 1_000_000, missing: 'report', refuse: 95, thresholds: [80, 90, 95] },
  delegation: { controllers: ['cpu', 'cpuset', 'io', 'memory', 'pids'] },
  slice: { memory: '', cpus: 0, pids: 0 },
  linger: 'never',
  run: {
    memory: '2G',
    cpus: 0,
    pids: 2048,
    missing: 'warn',
    capabilities: [
      'CAP_CHOWN',
      'CAP_DAC_OVERRIDE',
      'CAP_FOWNER',
      'CAP_FSETID',
      'CAP_KILL',
      'CAP_NET_BIND_SERVICE',
      'CAP_SETGID',
      'CAP_SETPCAP',
      'CAP_SETUID',
    ],
    storage_driver: 'auto',
    selinux: 'require',
    seccomp: 'tighten',
    network_owner: 'session',
  },
};

const size = { type: 'string', pattern: '^(\\d{1,15}(\\.\\d{1,3})?\\s?[kKmMgGtT]?([iI]?[bB])?)?$' } as const;
/** Programs that take ids for signed numbers are confused from 2^31 on, and systemd keeps what lies above to itself. */
const id = { type: 'integer', minimum: 1, maximum: 2147483647 } as const;
const count = { type: 'integer', minimum: 0, maximum: 4294967295 } as const;
const cpus = { type: 'number', minimum: 0, maximum: 8192 } as const;

/** Checked after the file was merged over the defaults, so every key is required and an unknown one is an error. */
export const policySchema: JSONSchemaType<Policy> = {
  type: 'object',
  additionalProperties: false,
  required: ['users', 'subids', 'quota', 'delegation', 'slice', 'linger', 'run'],
  properties: {
    users: {
      type: 'object',
      additionalProperties: false,
      required: ['uid_min', 'uid_max', 'groups', 'shells', 'hooks'],
      properties: {
        uid_min: count,
        uid_max: count,
        groups: {
          type: 'array',
          uniqueItems: true,
          maxItems: 256,
          items: { type: 'string', minLength: 1, maxLength: 255 },
        },
        shells: {
          type: 'array',
          uniqueItems: true,
          maxItems: 256,
          items: { type: 'string', pattern: '^/[^\\n:]{1,4095}$' },
        },
        hooks: {
          type: 'array',
          uniqueItems: true,
          maxItems: 3,
          items: { type: 'string', enum: ['useradd', 'login', 'userdel'] },
        },
      },
    },
    subids: {
      type: 'object',
      additionalProperties: false,
      required: ['min', 'max', 'count'],
      properties: { min: id, max: id, count: { type: 'integer', minimum: 1, maximum: 2147483648 } },
    },
    quota: {
      type: 'object',
      additionalProperties: false,
      required: ['size', 'reserve', 'inodes', 'missing', 'refuse', 'thresholds'],
      properties: {
        size,
        reserve: size,
        inodes: count,
        missing: { type: 'string', enum: ['report', 'require'] },
        refuse: { type: 'integer', minimum: 0, maximum: 100 },
        thresholds: {
          type: 'array',
          uniqueItems: true,
          maxItems: 8,
          items: { type: 'integer', minimum: 1, maximum: 100 },
        },
      },
    },
    delegation: {
      type: 'object',
      additionalProperties: false,
      required: ['controllers'],
      properties: {
        controllers: {
          type: 'array',
          uniqueItems: true,
          maxItems: 16,
          items: { type: 'string', enum: ['cpu', 'cpuset', 'io', 'memory', 'pids', 'hugetlb', 'rdma', 'misc'] },
        },
      },
    },
    slice: {
      type: 'object',
      additionalProperties: false,
      required: ['memory', 'cpus', 'pids'],
      properties: { memory: size, cpus, pids: count },
    },
    linger: { type: 'string', enum: ['never', 'always', 'on-demand'] },
    run: {
      type: 'object',
      additionalProperties: false,
      required: [
        'memory',
        'cpus',
        'pids',
        'missing',
        'capabilities',
        'storage_driver',
        'selinux',
        'seccomp',
        'network_owner',
      ],
      properties: {
        memory: size,
        cpus,
        pids: count,
        missing: { type: 'string', enum: ['warn', 'error'] },
        capabilities: {
          type: 'array',
          uniqueItems: true,
          maxItems: 64,
          items: { type: 'string', pattern: '^CAP_[A-Z_]{2,30}$' },
        },
        storage_driver: { type: 'string', enum: ['auto', 'fuse-overlayfs', 'overlay'] },
        selinux: { type: 'string', enum: ['require', 'report'] },
        seccomp: { type: 'string', enum: ['tighten', 'replace'] },
        network_owner: { type: 'string', enum: ['session', 'container'] },
      },
    },
  },
};
