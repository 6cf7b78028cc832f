/** Absolute links to tables, as the client would write them (data API 1.3). */
import type { Request } from 'express';
import type { Service } from '../../../pipeline/types.js';
import type { ProjectRequest } from './operation.js';

/** A `Host` that can stand in a URL: a name, an IPv4 or bracketed IPv6 address, maybe a port. */
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

/**
 * What the names of a project's tables are appended to. Made from the request's own URL, so that it is the client's
 * catalogue URL: the scheme and host that a proxy has seen, the prefixes taken off on the way, the project's id as it
 * was spelt.
 */
export function tablesUrl(req: ProjectRequest, bind: Service['bind']): string {
  const { context } = req;
  const scheme = context.scheme ?? (isEncrypted(req.socket) ? 'https' : 'http');
  const host = context.host ?? req.headers.host;
  const authority = host !== undefined && HOST.test(host) ? host : `${hostText(bind.host)}:${bind.port}`;
  // The project's id has only characters that need no encoding.
  return `${scheme}://${withoutDefaultPort(scheme, authority)}${context.scriptName}/${req.params.project}/tables`;
}

/** A table's link. Its name has only characters that need no encoding. */
export function tableUrl(req: ProjectRequest, bind: Service['bind'], table: string): string {
  return `${tablesUrl(req, bind)}/${table}`;
}

function isEncrypted(socket: Request['socket']): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}

function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function withoutDefaultPort(scheme: string, authority: string): string {
  const port = scheme === 'https' ? ':443' : ':80';
  return authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
}
