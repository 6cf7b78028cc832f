/**
 * Security headers by the `helmet` package: those of its set that mean something for an API whose answers are JSON.
 * An answer that a browser is made to show as a page may load nothing and be framed nowhere.
 *
 * Reads:  nothing.
 * Sets:   Content-Security-Policy, X-Content-Type-Options, X-Frame-Options, Referrer-Policy,
 *         Cross-Origin-Resource-Policy, and with the option Strict-Transport-Security.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Type, type Static } from '@sinclair/typebox';
import helmet from 'helmet';
import type { FilterFactory } from '../pipeline/types.js';

const RESOURCE_POLICIES = ['same-origin', 'same-site', 'cross-origin'] as const;

const Options = Type.Object({
  hsts_max_age: Type.Integer({
    minimum: 0,
    default: 0,
    description:
      'Seconds for which browsers shall only use https, also for sub-domains if the next option says so; 0: not sent. ' +
      'Only where all of the host is served over https.',
  }),
  hsts_include_subdomains: Type.Boolean({ default: false, description: 'See hsts_max_age.' }),
  resource_policy: Type.Union(
    RESOURCE_POLICIES.map((policy) => Type.Literal(policy)),
    {
      default: 'same-origin',
      description: 'Cross-Origin-Resource-Policy: same-origin, same-site or cross-origin.',
    },
  ),
});

/**
 * The headers that the package sets. They depend on its options alone, so it is asked once: for each request it would
 * go through a middleware and a closure a header.
 */
function headersOf(handle: ReturnType<typeof helmet>): readonly (readonly [string, string])[] {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  handle(response.req, response, () => undefined);
  return Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)] as const);
}

/** `use = magnetodb:helmet` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: ({ hsts_max_age: maxAge, hsts_include_subdomains: includeSubDomains, resource_policy: policy }) => {
    const handle = helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
      },
      xFrameOptions: { action: 'deny' },
      crossOriginResourcePolicy: { policy },
      strictTransportSecurity: maxAge === 0 ? false : { maxAge, includeSubDomains },
      // These speak of pages, downloads of old browsers, or an Express application's own header.
      crossOriginOpenerPolicy: false,
      originAgentCluster: false,
      xDnsPrefetchControl: false,
      xDownloadOptions: false,
      xPermittedCrossDomainPolicies: false,
      xPoweredBy: false,
      xXssProtection: false,
    });
    const headers = headersOf(handle);
    return (_req, res, next) => {
      for (const [name, value] of headers) res.setHeader(name, value);
      next();
    };
  },
};
