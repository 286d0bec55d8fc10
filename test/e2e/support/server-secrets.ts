import { chmod, chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../../src/io/process.ts';
import type { Machine } from './machine.ts';

/** The password of Keystone's account on an operator's server. */
export const PASSWORD = 'p:w@/d %?#$';
/** Files in the machine: the authority of the server's certificate, another one, and a file with `PASSWORD`. */
export const AUTHORITY = '/srv/tls/ca.pem';
export const ANOTHER = '/srv/tls/another.pem';
export const PASSWORD_FILE = '/srv/tls/password';
/** The server's account, because servers refuse to run as root. */
export const NOBODY = 65_534;

const CERTIFICATES = `
set -e; cd "$0"
for name in ca another; do
  openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=$name" -addext keyUsage=critical,keyCertSign -keyout "$name.key" -out "$name.pem" -days 90
done
openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr
printf '%s\\n' subjectAltName=IP:127.0.0.1 authorityKeyIdentifier=keyid >names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -extfile names -out server.pem
printf '%s\\n' "$1" >password`;

/** A certificate only for 127.0.0.1, of an authority; another authority, and the password. */
export async function makeServerSecrets(machine: Machine): Promise<void> {
  const directory = path.join(machine.root, 'srv/tls');
  await mkdir(directory);
  const made = await run(['sh', '-c', CERTIFICATES, directory, PASSWORD]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  const key = path.join(directory, 'server.key');
  await chown(key, NOBODY, NOBODY);
  await chmod(key, 0o600);
}
