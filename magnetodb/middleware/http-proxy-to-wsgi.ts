/**
 * Believes a proxy in front of the service about how the client sees it, as oslo.middleware's HTTPProxyToWSGI does:
 * off until the option says so, because anybody can send these headers. Forwarded (RFC 7239) counts before the older
 * headers; of several proxies the first, next to the client, counts. Malformed values are ignored.
 *
 * Reads:  Forwarded (proto, host, for), or X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, X-Forwarded-For;
 *         X-Forwarded-Prefix; the Host header.
 * Sets:   context.scheme, context.host, context.scriptName (the prefix goes in front), context.remoteAddress.
 */
import { Type, type Static } from '@sinclair/typebox';
import type { IncomingHttpHeaders } from 'node:http';
import type { FilterFactory } from '../pipeline/types.js';
import { firstOf, parseAddress, parseHost, parsePort, parseScheme } from './forwarded.js';

const Options = Type.Object({
  enable_proxy_headers_parsing: Type.Boolean({
    default: false,
    description: 'Believe these headers. Only behind a proxy that sets or removes all of them.',
  }),
});

/** `use = magnetodb:http_proxy_to_wsgi` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: ({ enable_proxy_headers_parsing: isEnabled }) => {
    return (req, _res, next) => {
      if (isEnabled) {
        const { context, headers } = req;
        const told =
          typeof headers.forwarded === 'string' ? fromForwarded(headers.forwarded) : fromOlder(headers);
        context.scheme = parseScheme(told.proto) ?? context.scheme;
        context.host = hostAndPort(told.host, told.port, context.host ?? headers.host) ?? context.host;
        context.remoteAddress = parseAddress(told.for) ?? context.remoteAddress;
        context.scriptName = parsePrefix(firstOf(headers['x-forwarded-prefix'])) + context.scriptName;
      }
      next();
    };
  },
};

interface Told {
  readonly proto: string | undefined;
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly for: string | undefined;
}

function fromOlder(headers: IncomingHttpHeaders): Told {
  return {
    proto: firstOf(headers['x-forwarded-proto']),
    host: firstOf(headers['x-forwarded-host']),
    port: firstOf(headers['x-forwarded-port']),
    for: firstOf(headers['x-forwarded-for']),
  };
}

/** The first element of a Forwarded header: `for=192.0.2.43;proto=https;host="kv.example.org:8443", for=…`. */
function fromForwarded(header: string): Told {
  const found = new Map<string, string>();
  // One pair a time: the name, a token or a quoted text with \-escapes, and what separates it from the next.
  const pair = /\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*(;|,|$)/y;
  for (let match = pair.exec(header); match !== null; match = pair.exec(header)) {
    const [, name = '', text, token = '', separator] = match;
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, text?.replace(/\\(.)/g, '$1') ?? token);
    if (separator !== ';') break;
  }
  return { proto: found.get('proto'), host: found.get('host'), port: undefined, for: found.get('for') };
}

/** A port on its own goes with the host that was told, or with the one that the request came to. */
function hostAndPort(toldHost?: string, toldPort?: string, ownHost?: string): string | undefined {
  const host = parseHost(toldHost);
  const port = parsePort(toldPort);
  if (host === undefined && port === undefined) return undefined;
  const named = host ?? parseHost(ownHost);
  if (named === undefined) return undefined;
  const shownPort = port ?? named.port;
  return shownPort === undefined ? named.host : `${named.host}:${shownPort}`;
}

/** `/kv`, without a slash at the end; empty for what is no plain path. */
function parsePrefix(raw: string | undefined): string {
  const prefix = raw?.replace(/\/+$/, '') ?? '';
  return /^(?:\/[\w.~-]+)+$/.test(prefix) ? prefix : '';
}
