import type { Request } from 'express';
import type { Service } from './types.js';

/** A host that can stand in a URL: a name, an IPv4 or bracketed IPv6 address, maybe a port. */
const HOST = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * What the absolute links in answers begin with: scheme, host and the prefixes that were taken off the path, as the
 * client sees them, without a slash at the end (data API, 1.3). The scheme's own port is left out.
 * @param bind is where the process listens, for a request without a usable Host.
 */
export function baseUrl(req: Request, bind: Service['bind']): string {
  const { context } = req;
  const scheme = context.scheme ?? (isEncrypted(req.socket) ? 'https' : 'http');
  const told = context.host ?? req.headers.host;
  const bound = bind.host.includes(':') ? `[${bind.host}]` : bind.host;
  const host = told !== undefined && HOST.test(told) ? told : `${bound}:${bind.port}`;
  const ownPort = scheme === 'https' ? ':443' : ':80';
  const shown = host.endsWith(ownPort) ? host.slice(0, -ownPort.length) : host;
  return `${scheme}://${shown}${context.scriptName}`;
}

function isEncrypted(socket: Request['socket']): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}
