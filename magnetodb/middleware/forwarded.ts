/**
 * Parsers of what proxies say about a request, for the filters that believe them. Whatever is malformed counts as not
 * said: it ends up in links that clients follow.
 */
import { isIP } from 'node:net';

/** `http` or `https`; undefined for anything else. */
export function parseScheme(raw: string | undefined): 'http' | 'https' | undefined {
  const scheme = raw?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

/** A host's name or address, and maybe a port. */
export interface HostAndPort {
  /** IPv6 in brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

/** `name`, `name:port`, `1.2.3.4:port`, `[::1]:port`; undefined for anything else. */
export function parseHost(raw: string | undefined): HostAndPort | undefined {
  const [, host, portText] = /^([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::(\d+))?$/.exec(raw ?? '') ?? [];
  if (host === undefined) return undefined;
  if (host.startsWith('[') && isIP(host.slice(1, -1)) !== 6) return undefined;
  const port = parsePort(portText);
  if (portText !== undefined && port === undefined) return undefined;
  return { host, port };
}

/** 1 to 65535; undefined for anything else. */
export function parsePort(raw: string | undefined): number | undefined {
  if (raw === undefined || !/^\d{1,5}$/.test(raw)) return undefined;
  const port = Number(raw);
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** An IP address without its port; undefined for anything else, such as RFC 7239's `unknown` and `_hidden`. */
export function parseAddress(raw: string | undefined): string | undefined {
  if (raw === undefined) return undefined;
  if (isIP(raw) !== 0) return raw;
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d+)?$/.exec(raw) ?? [];
  const address = bracketed ?? plain;
  return address !== undefined && isIP(address) !== 0 ? address : undefined;
}

/** The first of a list: each proxy appends, so the first speaks of the client. */
export function firstOf(header: string | string[] | undefined): string | undefined {
  const text = typeof header === 'string' ? header : header?.[0];
  const first = text?.split(',', 1)[0]?.trim();
  return first === '' ? undefined : first;
}
