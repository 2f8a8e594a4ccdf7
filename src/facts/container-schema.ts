/** JSON schemas of a container's files: they lie in a user's tree, so root believes nothing else about them. Pure. */
import type { JSONSchemaType } from 'ajv';
import type { ContainerRecord, ContainerState } from './container-record.js';

const time = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT[0-9:.]{8,18}(Z|[+-]\\d\\d:\\d\\d)$' } as const;
const amount = { type: 'number', minimum: 0, nullable: true } as const;
const text = (maxLength: number) => ({ type: 'string', maxLength }) as const;

export const containerRecordSchema: JSONSchemaType<ContainerRecord> = {
  type: 'object',
  additionalProperties: false,
  required: ['schema', 'id', 'name', 'image', 'command', 'created', 'plan', 'storageDriver', 'readOnly', 'limits'],
  properties: {
    schema: { type: 'integer', const: 1 },
    id: { type: 'string', pattern: '^[0-9a-f]{64}$' },
    name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$', maxLength: 255 },
    image: text(512),
    command: { type: 'array', maxItems: 16384, items: text(131072) },
    created: time,
    plan: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' },
    storageDriver: { type: 'string', enum: ['fuse-overlayfs', 'overlay'] },
    readOnly: { type: 'boolean' },
    label: { type: 'string', pattern: '^[\\w.:,-]{1,255}$', nullable: true },
    limits: {
      type: 'object',
      additionalProperties: false,
      required: [],
      properties: {
        memory: amount,
        cpus: amount,
        pids: amount,
        swap: { type: 'number', minimum: -1, nullable: true },
        memoryReservation: amount,
        cpuShares: amount,
        cpusetCpus: { ...text(1024), nullable: true },
        cpusetMems: { ...text(1024), nullable: true },
        blkioWeight: amount,
      },
    },
    labels: {
      type: 'object',
      required: [],
      additionalProperties: text(131072),
      maxProperties: 2000,
      propertyNames: { type: 'string', maxLength: 256 },
      nullable: true,
    },
    volumes: { type: 'array', maxItems: 2000, items: text(128), nullable: true },
    stopSignal: { type: 'string', pattern: '^SIG[A-Z0-9+]{2,12}$', nullable: true },
    stopTimeout: { type: 'integer', minimum: 0, maximum: 86400, nullable: true },
    restart: { type: 'string', pattern: '^(always|unless-stopped|on-failure(:\\d{1,6})?)$', nullable: true },
  },
};

export const containerStateSchema: JSONSchemaType<ContainerState> = {
  type: 'object',
  additionalProperties: false,
  required: ['status'],
  properties: {
    status: { type: 'string', enum: ['created', 'running', 'exited'] },
    pid: { type: 'integer', minimum: 1, maximum: 4194304, nullable: true },
    startTime: { type: 'string', pattern: '^\\d{1,20}$', nullable: true },
    startedAt: { ...time, nullable: true },
    finishedAt: { ...time, nullable: true },
    exitCode: { type: 'integer', minimum: 0, maximum: 255, nullable: true },
    oomKilled: { type: 'boolean', nullable: true },
    restarts: { type: 'integer', minimum: 0, nullable: true },
  },
};
