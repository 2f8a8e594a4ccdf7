/** What the `iso-run secret` commands do: call the store and print. */
import { readCallerBytes } from '../facts/caller-file.js';
import { readOwnIdentity } from '../facts/own-identity.js';
import { requireRoom } from '../image/space.js';
import { formatTable } from '../lib/text.js';
import { readPolicy } from '../policy/read-policy.js';
import { parseSecretName } from '../run/options/secrets.js';
import { createSecret, findSecret, listSecrets, removeSecret, type SecretFacts } from '../run/secrets.js';
import { writeOut } from './write-out.js';

const lines = (names: readonly string[]) => writeOut(names.map((name) => `${name}\n`).join(''));
const shown = ({ name, created }: SecretFacts) => ({ Name: name, CreatedAt: created });

export async function create(text: string, file: string): Promise<void> {
  const identity = readOwnIdentity();
  const name = parseSecretName(text, 'secret create');
  const content = readCallerBytes(file);
  requireRoom(identity, (await readPolicy()).quota.refuse, `cannot store the secret ${name}`);
  await createSecret(identity, name, content);
  lines([name]);
}

export function list({ quiet, json }: { quiet?: boolean; json?: boolean }): void {
  const secrets = listSecrets(readOwnIdentity());
  if (json) writeOut(`${JSON.stringify(secrets.map(shown))}\n`);
  else if (quiet) lines(secrets.map(({ name }) => name));
  else
    writeOut(
      `${formatTable(
        ['NAME', 'CREATED'],
        secrets.map(({ name, created }) => [name, created]),
      )}\n`,
    );
}

export function inspect(names: readonly string[]): void {
  const identity = readOwnIdentity();
  const found = names.map((name) => findSecret(identity, parseSecretName(name, 'secret inspect')));
  writeOut(`${JSON.stringify(found.map(shown), undefined, 2)}\n`);
}

export async function remove(names: readonly string[]): Promise<void> {
  const identity = readOwnIdentity();
  for (const name of names.map((one) => parseSecretName(one, 'secret rm'))) {
    await removeSecret(identity, name);
    lines([name]);
  }
}
