/** What the front has Node execute for `iso-run run` (build.config.mjs: `iso-run-run.js`): its bundle, as it was compiled before. */
import { join } from 'node:path';
import { loadBundle } from '../sys/code-cache.js';

const bundle = join(__dirname, __RUN_BUNDLE__);
loadBundle(bundle)(exports, require, module, bundle, __dirname);
