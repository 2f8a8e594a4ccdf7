/** `--secret NAME[,type=mount|env][,target=T]`: a secret of the user's store as a file or a variable. Pure. */
import { parseDestination } from './destination.js';
import { refuse } from './refuse.js';

export interface Secret {
  name: string;
  /** A path of the container, or the name of a variable. */
  target: string;
  type: 'mount' | 'env';
  origin: string;
}

/** Where other runtimes have them. */
export const SECRETS = '/run/secrets';

export function parseSecretName(text: string, option: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(text)) return text;
  throw refuse(option, 'a name has letters, digits, _ . and -, and begins with a letter or digit');
}

function parseTarget(text: string, type: Secret['type'], option: string): string {
  if (type === 'mount') return parseDestination(text.startsWith('/') ? text : `${SECRETS}/${text}`, option);
  if (/^[A-Za-z_][A-Za-z0-9_]{0,255}$/.test(text)) return text;
  throw refuse(option, `'${text}' is no name of a variable`);
}

export function parseSecret(text: string): Secret {
  const origin = `--secret ${text}`;
  const [first = '', ...rest] = text.split(',');
  const name = parseSecretName(first, origin);
  const fields = new Map<string, string>();
  for (const field of rest) {
    const [, key = '', value = ''] = /^(type|target|uid|gid|mode)=(.+)$/s.exec(field) ?? [];
    if (key === '' || fields.has(key)) throw refuse(origin, `'${field}' is not KEY=VALUE, or is given twice`);
    fields.set(key, value);
  }
  const fixed = ['uid', 'gid', 'mode'].find((key) => fields.has(key));
  if (fixed !== undefined) throw refuse(origin, `it has no ${fixed}: every program of the container may read it`);
  const type = fields.get('type') ?? 'mount';
  if (type !== 'mount' && type !== 'env') throw refuse(origin, 'its type is mount or env');
  return { name, type, target: parseTarget(fields.get('target') ?? name, type, origin), origin };
}
