/** Templates of users and host: read, compiled, and what is rendered of them checked before it is deployed. */
import { join } from 'node:path';
import { IsoError } from '../lib/errors.js';
import { compileTemplates, type Renderer, readTemplate } from '../policy/templates.js';
import { readPlainFile } from '../sys/atomic-file.js';
import { installed } from '../sys/install.js';

export interface CheckedTemplate {
  render: Renderer;
  /** Parses rendered text, of this user's if of one, as what it should be. @throws IsoError template.invalid */
  check: (text: string, user?: { name: string; home: string }) => Promise<void>;
}

const PLAIN_NAME = /^(?!(?:true|false|inf|nan)$)[a-z_][\w-]*$/;
const PLAIN_HOME = /^\/[\w./-]+$/;

/**
 * The text without what differs from user to user, where that cannot change how it parses: plain words within quotes, keys
 * and comments are as good as each other, and anywhere else they are equally wrong. Pure.
 */
function shapeOf(text: string, user: { name: string; home: string } | undefined): string {
  if (!user || !PLAIN_NAME.test(user.name) || !PLAIN_HOME.test(user.home)) return text;
  return text.replaceAll(user.home, '\0home').replaceAll(user.name, '\0name');
}

async function parseAs(name: string, text: string): Promise<void> {
  if (/\.json(\.hbs)?$/.test(name)) JSON.parse(text);
  else if (name.startsWith('user/')) (await import('smol-toml')).parse(text);
}

/**
 * Templates by name (`user/storage.conf.hbs`), the administrator's own first. What lies in `audit-rules/kernel` is data for
 * auditd, and otherwise a template like the others. @throws IsoError template.invalid
 */
export async function readTemplates(root: string, names: readonly string[]): Promise<Map<string, CheckedTemplate>> {
  const folders = [join(root, 'etc/iso/templates'), installed('templates'), installed('audit-rules')];
  const templates = names.map((name) => readTemplate(name, folders));
  const checked = new Map<string, string>();
  const renderers = await compileTemplates(templates);
  return new Map(
    templates.map(({ name, file }, index) => [
      name,
      {
        render: (values, shared) => renderers[index]?.(values, shared) ?? '',
        check: async (text, user) => {
          // Most files are the same for all users of a call, but for their names.
          const shape = shapeOf(text, user);
          if (checked.get(name) === shape) return;
          try {
            await parseAs(name, text);
            checked.set(name, shape);
          } catch (error) {
            const why = error instanceof Error ? error.message.trim() : String(error);
            throw new IsoError(
              'template.invalid',
              `cannot use the template ${file}`,
              `what it renders to does not parse: ${why}`,
              {
                cause: error,
              },
            );
          }
        },
      },
    ]),
  );
}

/** The rendered text of a template that must be there. */
export function render(
  templates: ReadonlyMap<string, CheckedTemplate>,
  name: string,
  ...values: Parameters<Renderer>
): string {
  const template = templates.get(name);
  if (!template) throw new Error(`the template ${name} was not read`);
  return template.render(...values);
}

const MAX_HOST_FILE = 1 << 20;

/** A file of the host that every user may read, to be handed on; undefined otherwise. */
export function readPublicFile(path: string): string | undefined {
  try {
    const file = readPlainFile(path);
    if (!file || (file.stat.mode & 0o004) === 0 || file.stat.size > MAX_HOST_FILE) return undefined;
    return file.text.replace(/\n+$/, '');
  } catch {
    // A link, or no regular file: then users get ours.
    return undefined;
  }
}
