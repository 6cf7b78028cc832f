/** The service's configuration: what the options are (schema.ts), and how their values are found (load.ts). */
export { ConfigError, loadConfig, shippedConfigFolder, type ConfigSources, type Overrides } from './load.js';
export { packageRoot, packageVersion } from './package-root.js';
export type { Config } from './schema.js';
