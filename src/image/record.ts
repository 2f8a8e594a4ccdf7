/** What the store keeps of an image: type and JSON schema. Pure. */
import type { JSONSchemaType } from 'ajv';

/** Defaults of a container made from the image, as the OCI image configuration names them. */
export interface ImageConfig {
  /** `NAME=value`. */
  env: string[];
  entrypoint: string[];
  cmd: string[];
  /** Absolute. */
  workdir: string;
  /** `NAME`, `UID`, `NAME:GROUP` or `UID:GID`; empty means root. */
  user: string;
}

export interface ImageRecord {
  schema: 1;
  /** Full reference, `base:latest`. */
  name: string;
  /** `sha256:…`, lowest first. */
  layers: string[];
  /** RFC 3339 with milliseconds, UTC. */
  created: string;
  /** Bytes that the layers take on disk. */
  size: number;
  /** What it was made from, for people. */
  source: string;
  config: ImageConfig;
}

export const MAX_RECORD_BYTES = 1024 * 1024;

/** The one form a digest may have; nothing else ever becomes part of a path. */
export const DIGEST = /^sha256:([0-9a-f]{64})$/;

const text = (maxLength: number) => ({ type: 'string', maxLength }) as const;
const words = (maxItems: number) => ({ type: 'array', maxItems, items: text(32_768) }) as const;

export const imageRecordSchema: JSONSchemaType<ImageRecord> = {
  type: 'object',
  additionalProperties: false,
  required: ['schema', 'name', 'layers', 'created', 'size', 'source', 'config'],
  properties: {
    schema: { type: 'integer', const: 1 },
    name: { ...text(128), pattern: '^[a-z0-9][a-z0-9._/-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*$' },
    layers: {
      type: 'array',
      minItems: 1,
      maxItems: 128,
      items: { type: 'string', pattern: DIGEST.source },
    },
    created: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' },
    size: { type: 'integer', minimum: 0 },
    source: text(1024),
    config: {
      type: 'object',
      additionalProperties: false,
      required: ['env', 'entrypoint', 'cmd', 'workdir', 'user'],
      properties: {
        env: { type: 'array', maxItems: 1024, items: { ...text(32_768), pattern: '^[^=\\u0000]+=[^\\u0000]*$' } },
        entrypoint: words(1024),
        cmd: words(1024),
        workdir: { ...text(4096), pattern: '^/' },
        user: text(256),
      },
    },
  },
};
