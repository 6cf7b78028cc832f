/**
 * The context of a service WITHOUT authentication: whoever reaches the port may read and destroy everything, in any
 * project. For a laptop and for tests. It refuses to be composed where the service listens beyond the machine itself.
 *
 * Reads:  nothing; in particular no X-Auth-Token and no identity header.
 * Sets:   context.trustUrlProject (the project is the one in the URL), context.userId (`anonymous`), context.roles
 *         (none).
 */
import { isIPv4 } from 'node:net';
import { Type, type Static } from '@sinclair/typebox';
import type { FilterFactory } from '../pipeline/types.js';

const Options = Type.Object({
  allow_remote: Type.Boolean({
    default: false,
    description:
      'Start although the service listens on more than a loopback address. Only in a closed network.',
  }),
});

/** `use = magnetodb:noauth_context` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: ({ allow_remote: allowRemote }, { bind, logger }) => {
    if (!isLoopback(bind.host) && !allowRemote) {
      throw new Error(
        `there is no authentication in this pipeline, and the service would listen on ${bind.host}, where others ` +
          'reach it: bind it to 127.0.0.1, or set allow_remote = true if everybody who can connect may do everything',
      );
    }
    logger.warn('NO AUTHENTICATION: whoever can connect may read and change everything, in every project', {
      host: bind.host,
      port: bind.port,
    });
    return (req, _res, next) => {
      const { context } = req;
      context.trustUrlProject = true;
      context.userId = 'anonymous';
      context.roles = [];
      next();
    };
  },
};

function isLoopback(host: string): boolean {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  const ipv4 = bare.replace(/^::ffff:/, '');
  return bare === 'localhost' || bare === '::1' || (isIPv4(ipv4) && ipv4.startsWith('127.'));
}
