/** A server key for clusters that speak TLS, made by the keytool that comes with every Java. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import { CassandraToolError } from './errors.js';
import type { Java } from './java.js';
import type { Keystore } from './settings.js';

const run = promisify(execFile);
const KEYTOOL_MS = 60_000;
const ALIAS = 'server';

/** A keystore, and the certificate that a client has to trust. */
export interface ServerKey extends Keystore {
  /** The certificate in PEM. It is signed by itself, so it is its own authority. */
  readonly certificateFile: string;
}

/**
 * Makes a key whose certificate is good for all these addresses.
 * @throws {CassandraToolError} keytool failed.
 */
export async function makeServerKey(
  java: Java,
  folder: string,
  addresses: readonly string[],
): Promise<ServerKey> {
  // java and keytool are neighbours; a bare `java` was found by PATH, and so is keytool.
  const keytool = path.join(path.dirname(java.command), 'keytool');
  const file = path.join(folder, 'server.p12');
  const certificateFile = path.join(folder, 'server.pem');
  const password = randomBytes(12).toString('hex');
  const store = ['-keystore', file, '-storetype', 'PKCS12', '-storepass', password, '-alias', ALIAS];
  const subject = [
    ...['-dname', 'CN=MagnetoDB test cluster'],
    ...['-ext', `SAN=${addresses.map((address) => `ip:${address}`).join(',')}`],
  ];
  try {
    await run(
      keytool,
      ['-genkeypair', ...store, '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '30', ...subject],
      { timeout: KEYTOOL_MS },
    );
    await run(keytool, ['-exportcert', '-rfc', ...store, '-file', certificateFile], { timeout: KEYTOOL_MS });
  } catch (error) {
    const { stdout = '' } = error as { stdout?: string };
    throw new CassandraToolError(`keytool could not make a key: ${stdout.trim()}`, { cause: error });
  }
  return { file, password, certificateFile };
}
