/** Seccomp profiles in the JSON of OCI, Docker and Podman: type and schema. Pure data. */
import type { JSONSchemaType } from 'ajv';

export interface ProfileArg {
  index: number;
  value: number;
  valueTwo?: number;
  op: string;
}

export interface Condition {
  caps?: string[];
  arches?: string[];
  minKernel?: string;
}

export interface ProfileRule {
  names?: string[];
  name?: string;
  action: string;
  errnoRet?: number;
  errno?: string;
  args?: ProfileArg[] | null;
  includes?: Condition;
  excludes?: Condition;
  comment?: string;
}

export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  defaultErrno?: string;
  architectures?: string[];
  archMap?: { architecture: string; subArchitectures?: string[] | null }[];
  flags?: string[];
  syscalls?: ProfileRule[] | null;
}

const word = { type: 'string', pattern: '^[A-Za-z0-9_]{1,64}$' } as const;
const text = { type: 'string', maxLength: 4096 } as const;
const errno = { type: 'integer', minimum: 0, maximum: 4095 } as const;
/** Larger numbers are not what JSON's readers take them for. */
const number = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const words = (maxItems: number) => ({ type: 'array', maxItems, items: word }) as const;

const condition: JSONSchemaType<Condition> = {
  type: 'object',
  additionalProperties: false,
  required: [],
  properties: {
    caps: { ...words(64), nullable: true },
    arches: { ...words(32), nullable: true },
    minKernel: { type: 'string', pattern: '^\\d{1,3}\\.\\d{1,3}$', nullable: true },
  },
};

const argument: JSONSchemaType<ProfileArg> = {
  type: 'object',
  additionalProperties: false,
  required: ['index', 'value', 'op'],
  properties: {
    index: { type: 'integer', minimum: 0, maximum: 5 },
    value: number,
    valueTwo: { ...number, nullable: true },
    op: word,
  },
};

const rule: JSONSchemaType<ProfileRule> = {
  type: 'object',
  additionalProperties: false,
  required: ['action'],
  properties: {
    names: { ...words(1024), nullable: true },
    name: { ...word, nullable: true },
    action: word,
    errnoRet: { ...errno, nullable: true },
    errno: { ...word, nullable: true },
    args: { type: 'array', maxItems: 6, items: argument, nullable: true },
    includes: { ...condition, nullable: true },
    excludes: { ...condition, nullable: true },
    comment: { ...text, nullable: true },
  },
};

/** A listener of another process is no part of it, nor is a flag that takes a mitigation away. */
export const seccompProfileSchema: JSONSchemaType<SeccompProfile> = {
  type: 'object',
  additionalProperties: false,
  required: ['defaultAction'],
  properties: {
    defaultAction: word,
    defaultErrnoRet: { ...errno, nullable: true },
    defaultErrno: { ...word, nullable: true },
    architectures: { ...words(32), nullable: true },
    archMap: {
      type: 'array',
      maxItems: 32,
      nullable: true,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['architecture'],
        properties: { architecture: word, subArchitectures: { ...words(32), nullable: true } },
      },
    },
    flags: {
      type: 'array',
      maxItems: 8,
      items: { type: 'string', enum: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_TSYNC'] },
      nullable: true,
    },
    syscalls: { type: 'array', maxItems: 2048, items: rule, nullable: true },
  },
};
