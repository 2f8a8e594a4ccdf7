/** What an administrator declared with `iso-setup quota`, kept where the next `iso-setup user` finds it. Shapes and readers; pure. */
import { STATE_DIR } from './state.js';

export const QUOTA_FILE = `${STATE_DIR}/quota.json`;

/** Over the policy, for one user. */
export interface DeclaredQuota {
  name: string;
  /** As written: `12G`. */
  size?: string;
  inodes?: number;
}

/** By decimal uid. */
export type DeclaredQuotas = Record<string, DeclaredQuota>;

const SIZE = /^\d{1,15}(\.\d{1,3})?[kmgt]?$/i;

function parseOne(value: unknown): DeclaredQuota | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { name, size, inodes } = value as Record<string, unknown>;
  if (typeof name !== 'string') return undefined;
  return {
    name,
    ...(typeof size === 'string' && SIZE.test(size) ? { size } : {}),
    ...(typeof inodes === 'number' && Number.isSafeInteger(inodes) && inodes > 0 ? { inodes } : {}),
  };
}

/** A damaged file reads as empty: the policy holds then, and --check shows what differs from it. */
export function parseQuotas(text: string | undefined): DeclaredQuotas {
  try {
    const { schema, users } = JSON.parse(text ?? '{}') as Record<string, unknown>;
    if (schema !== 1 || typeof users !== 'object' || users === null) return {};
    return Object.fromEntries(
      Object.entries(users).flatMap(([uid, value]) => {
        const one = /^\d{1,10}$/.test(uid) ? parseOne(value) : undefined;
        return one ? [[uid, one]] : [];
      }),
    );
  } catch {
    return {};
  }
}

export const formatQuotas = (users: DeclaredQuotas) => `${JSON.stringify({ schema: 1, users }, null, 1)}\n`;

/** The one of this account: another user may have had the uid before. */
export function declaredFor(quotas: DeclaredQuotas, account: { uid: number; name: string }): DeclaredQuota | undefined {
  const found = quotas[String(account.uid)];
  return found?.name === account.name ? found : undefined;
}
