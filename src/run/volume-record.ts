/** What the store keeps of a volume: type and JSON schema. Pure. */
import type { JSONSchemaType } from 'ajv';

export interface VolumeRecord {
  schema: 1;
  name: string;
  /** RFC 3339 with milliseconds, UTC. */
  created: string;
  /** Made by a run for its container alone. */
  anonymous: boolean;
  labels: Record<string, string>;
}

export const MAX_VOLUME_RECORD_BYTES = 2 ** 20;

export const volumeRecordSchema: JSONSchemaType<VolumeRecord> = {
  type: 'object',
  additionalProperties: false,
  required: ['schema', 'name', 'created', 'anonymous', 'labels'],
  properties: {
    schema: { type: 'integer', const: 1 },
    name: { type: 'string', pattern: '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$' },
    created: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' },
    anonymous: { type: 'boolean' },
    labels: {
      type: 'object',
      required: [],
      maxProperties: 1000,
      propertyNames: { type: 'string', maxLength: 256 },
      additionalProperties: { type: 'string', maxLength: 131072 },
    },
  },
};
