// Builds dist/: bundles split by command with shared chunks, koffi's binary, templates and rules. The native part has a Makefile.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import Ajv from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { build, transform } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(root, ...parts);
const { version } = JSON.parse(readFileSync(at('package.json'), 'utf8'));

/** Schemas are compiled to validators here, since ajv costs 30 ms to load and its output nothing. */
const SCHEMAS = {
  validatePolicy: ['src/policy/policy.ts', 'policySchema'],
  validateEvent: ['src/trail/event.ts', 'eventSchema'],
  validateImageRecord: ['src/image/record.ts', 'imageRecordSchema'],
  validateContainerRecord: ['src/facts/container-schema.ts', 'containerRecordSchema'],
  validateSeccompProfile: ['src/run/seccomp-schema.ts', 'seccompProfileSchema'],
  validateVolumeRecord: ['src/run/volume-record.ts', 'volumeRecordSchema'],
  validateRule: ['src/audit/rule.ts', 'ruleSchema'],
  validateContainerState: ['src/facts/container-schema.ts', 'containerStateSchema'],
};

async function generateValidators() {
  mkdirSync(at('src/generated'), { recursive: true });
  const ajv = new Ajv.default({
    code: { source: true, esm: true },
    allErrors: true,
    strict: true,
    allowUnionTypes: true,
  });
  const names = {};
  for (const [name, [file, symbol]] of Object.entries(SCHEMAS)) {
    const compiled = at('src/generated', `${name}.tmp.mjs`);
    await build({
      entryPoints: [at(file)],
      outfile: compiled,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'warning',
    });
    ajv.addSchema((await import(pathToFileURL(compiled).href))[symbol], name);
    rmSync(compiled);
    names[name] = name;
  }
  writeFileSync(at('src/generated/validators.js'), standaloneCode.default(ajv, names));
  const types = Object.keys(SCHEMAS).map((name) => `export declare const ${name}: Validator;`);
  writeFileSync(
    at('src/generated/validators.d.ts'),
    `import type { ErrorObject } from 'ajv';\ninterface Validator { (value: unknown): boolean; errors?: ErrorObject[] | null }\n${types.join('\n')}\n`,
  );
}

/** What libraries the bundles carry: name, version and licence, for the package's documentation and its test. */
function listLibraries(inputs) {
  const folders = inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean);
  return [...new Set([...folders, `@koromix/koffi-linux-${process.arch}`])].sort().map((folder) => {
    const {
      name,
      version: release,
      license,
    } = JSON.parse(readFileSync(at('node_modules', folder, 'package.json'), 'utf8'));
    return { name, version: release, license };
  });
}

async function bundle() {
  const { metafile } = await build({
    metafile: true,
    entryPoints: ['iso-setup', 'iso-run', 'iso-audit'].map((name) => at('src/cli', `${name}.ts`)),
    outdir: at('dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node18.19',
    minifySyntax: true,
    legalComments: 'eof',
    logLevel: 'warning',
    define: { __VERSION__: JSON.stringify(version) },
  });
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  writeFileSync(at('dist/bundled-libraries.json'), `${JSON.stringify(listLibraries(inputs), null, 2)}\n`);
}

/**
 * Chunks are split as ES modules, which only that format allows, and shipped as CommonJS: Node's loader of ES modules
 * costs a start 10 ms more, a third of it.
 */
async function convertToCommonJs() {
  for (const name of readdirSync(at('dist')).filter((file) => file.endsWith('.js'))) {
    const text = readFileSync(at('dist', name), 'utf8');
    const { code } = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target: 'node18.19',
      supported: { 'dynamic-import': false },
      define: { 'import.meta.url': '__file_url' },
      banner: text.includes('import.meta.url')
        ? "const __file_url=require('node:url').pathToFileURL(__filename).href;"
        : '',
      sourcefile: name,
      logLevel: 'warning',
    });
    writeFileSync(at('dist', name), code);
  }
}

/**
 * The command whose cold start counts, as one file: V8 keeps what it compiled of a file, not of sixty (src/sys/code-cache.ts).
 * The name carries a hash of the text.
 */
async function bundleRun() {
  const options = {
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node18.19',
    charset: 'ascii',
    minifySyntax: true,
    legalComments: 'eof',
    logLevel: 'warning',
    supported: { 'dynamic-import': false },
    banner: { js: "const __file_url=require('node:url').pathToFileURL(__filename).href;" },
  };
  const define = { __VERSION__: JSON.stringify(version), 'import.meta.url': '__file_url' };
  const { metafile } = await build({
    ...options,
    define,
    metafile: true,
    entryPoints: [at('src/cli/run-alone.ts')],
    entryNames: 'iso-run-run-[hash].bundle',
    outdir: at('dist'),
  });
  await build({
    ...options,
    define: { ...define, __RUN_BUNDLE__: JSON.stringify(basename(Object.keys(metafile.outputs)[0])) },
    entryPoints: [at('src/cli/start-run.ts')],
    outfile: at('dist/iso-run-run.js'),
  });
}

/** Whatever umask the working copy was made with: iso-audit refuses rules that others could change. */
function closeToOthers(folder) {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) closeToOthers(path);
    else chmodSync(path, 0o644);
  }
}

function copyData() {
  const require = createRequire(import.meta.url);
  const platform = dirname(require.resolve(`@koromix/koffi-linux-${process.arch}/package.json`));
  cpSync(join(platform, `linux_${process.arch}`, 'koffi.node'), at('dist/koffi.node'));
  for (const folder of ['templates', 'audit-rules']) {
    cpSync(at(folder), at('dist', folder), { recursive: true });
    closeToOthers(at('dist', folder));
  }
  writeFileSync(at('dist/package.json'), '{"type":"commonjs"}\n');
}

const generateOnly = process.argv.includes('--generate');
await generateValidators();
if (!generateOnly) {
  // Names of chunks carry a hash, so old ones would stay; the native programs are the Makefile's.
  mkdirSync(at('dist'), { recursive: true });
  for (const name of readdirSync(at('dist'))) {
    if (/\.(js|json|cache)$|^(templates|audit-rules)$/.test(name)) rmSync(at('dist', name), { recursive: true });
  }
  await bundle();
  await convertToCommonJs();
  await bundleRun();
  copyData();
}
