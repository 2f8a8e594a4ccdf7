/** The package version, put in by the build. */
declare const __VERSION__: string;
/** The file name of the bundle of `iso-run run`. */
declare const __RUN_BUNDLE__: string;
