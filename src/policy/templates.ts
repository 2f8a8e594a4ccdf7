/** Configuration templates (Handlebars): the package's own, each replaceable by an administrator's file of the same name. */
import { dirname, join } from 'node:path';
import { IsoError } from '../lib/errors.js';
import { quote, renderMany } from './many-renderings.js';
import { directoryFault, readTrustedFile } from './trusted-file.js';

interface Template {
  /** `user/storage.conf.hbs`, below a template folder. */
  name: string;
  file: string;
  source: string;
}

const MAX_TEMPLATE_BYTES = 1 << 20;

const invalid = (file: string, why: string, cause?: unknown) =>
  new IsoError('template.invalid', `cannot use the template ${file}`, why, { cause });

/** What it says is written into every user's configuration, so nobody but root may have a say. */
function readTemplateFile(folder: string, name: string): string | undefined {
  for (let at = join(folder, name); at !== folder; ) {
    at = dirname(at);
    const fault = directoryFault(at);
    if (fault !== undefined) throw invalid(at, fault);
  }
  const file = join(folder, name);
  const found = readTrustedFile(file, MAX_TEMPLATE_BYTES);
  if (found && 'fault' in found) throw invalid(file, found.fault);
  return found?.text;
}

/** The first of the folders that has the template wins. @throws IsoError template.invalid */
export function readTemplate(name: string, folders: readonly string[]): Template {
  for (const folder of folders) {
    const file = join(folder, name);
    const source = readTemplateFile(folder, name);
    if (source !== undefined) return { name, file, source };
  }
  throw invalid(name, `it is in none of ${folders.join(', ')}`);
}

/** `shared` are further values, the same object for many renderings: for many users that is much cheaper. */
export type Renderer = (values: object, shared?: object) => string;

/**
 * Templates compiled once, for rendering many times. A file without `.hbs` is used as it is.
 * @throws IsoError template.invalid for a template that does not parse, and later for a value that does not exist
 */
export async function compileTemplates(templates: readonly Template[]): Promise<Renderer[]> {
  const { default: handlebars } = await import('handlebars');
  const engine = handlebars.create();
  engine.registerHelper('quote', quote);
  return templates.map(({ name, file, source }) => {
    if (!name.endsWith('.hbs')) return () => source;
    // strict: a misspelled name is an error, not an empty string; configuration files are not HTML.
    const render = engine.compile(source, {
      strict: true,
      noEscape: true,
      knownHelpersOnly: true,
      knownHelpers: { quote: true },
    });
    const renderer = renderMany(() => handlebars.parse(source), render);
    return (values, shared) => {
      try {
        return renderer(values, shared);
      } catch (error) {
        throw invalid(file, error instanceof Error ? error.message : String(error), error);
      }
    };
  });
}
