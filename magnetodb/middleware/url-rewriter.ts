/**
 * Decides what links in answers are made from, with the original's six options (data API, 1.3): for scheme, host and
 * port each, a fixed value, else a header that a proxy sends, else what the request itself says. Anybody can send these
 * headers: only behind a proxy that sets them, or with all three overrides.
 *
 * Reads:  the three headers that the options name, the Host header.
 * Sets:   context.scheme, context.host.
 *
 * A port wins over the port inside a host value, unless the host is fixed by its option and the port came by a header.
 */
import { Type, type Static } from '@sinclair/typebox';
import type { FilterFactory } from '../pipeline/types.js';
import { firstOf, parseHost, parsePort, parseScheme } from './forwarded.js';

const override = (what: string): ReturnType<typeof Type.String> =>
  Type.String({ default: '', description: `${what} of links, whatever the request says; empty: not fixed.` });
const header = (name: string, what: string): ReturnType<typeof Type.String> =>
  Type.String({ default: name, description: `The request header that tells the ${what} of links.` });

const Options = Type.Object({
  url_rewrite_protocol_override: override('The scheme (http or https)'),
  url_rewrite_host_override: override('The host, maybe with its port,'),
  url_rewrite_port_override: override('The port'),
  url_rewrite_protocol_header: header('X-Forwarded-Proto', 'scheme'),
  url_rewrite_host_header: header('X-Forwarded-Host', 'host'),
  url_rewrite_port_header: header('X-Forwarded-Port', 'port'),
});

/** `use = magnetodb:url_rewriter` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: (options) => {
    const fixedScheme = fixed('url_rewrite_protocol_override', options, parseScheme);
    const fixedHost = fixed('url_rewrite_host_override', options, parseHost);
    const fixedPort = fixed('url_rewrite_port_override', options, parsePort) ?? fixedHost?.port;
    const schemeHeader = options.url_rewrite_protocol_header.toLowerCase();
    const hostHeader = options.url_rewrite_host_header.toLowerCase();
    const portHeader = options.url_rewrite_port_header.toLowerCase();

    return (req, _res, next) => {
      const { context, headers } = req;
      context.scheme = fixedScheme ?? parseScheme(firstOf(headers[schemeHeader])) ?? context.scheme;
      const host =
        fixedHost ?? parseHost(firstOf(headers[hostHeader])) ?? parseHost(context.host ?? headers.host);
      // A request without Host (HTTP/1.0) and nothing that names one: the app says where it listens.
      if (host !== undefined) {
        const port = fixedPort ?? parsePort(firstOf(headers[portHeader])) ?? host.port;
        context.host = port === undefined ? host.host : `${host.host}:${port}`;
      }
      next();
    };
  },
};

/** The parsed value of an override; undefined where it is empty. @throws {Error} where it can't be parsed. */
function fixed<Value>(
  name: keyof Static<typeof Options>,
  options: Static<typeof Options>,
  parse: (raw: string) => Value | undefined,
): Value | undefined {
  if (options[name] === '') return undefined;
  const value = parse(options[name]);
  if (value === undefined) throw new Error(`option '${name}' can't be '${options[name]}'`);
  return value;
}
