import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startMachine, type Machine } from './machine.ts';
import { makeServerSecrets, PASSWORD } from './server-secrets.ts';
import { shell } from './succeed.ts';

/**
 * Debian's slapd in a test machine, on loopback, with two directories: one with OpenLDAP's usual classes, one like
 * Active Directory.
 */
export interface DirectoryServer {
  readonly start: () => Promise<void>;
  /** Ends it as a crash does. */
  readonly kill: () => Promise<void>;
  /** Keeps its connections but does not answer until it is resumed. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
}

/** Number of people in the directory with OpenLDAP's classes; person 1 is in the group `operators`. */
export const PEOPLE = 10_000;
export const LDAPS = 'ldaps://127.0.0.1';
export const LDAP = 'ldap://127.0.0.1';
export const SUFFIX = 'dc=example,dc=org';
export const AD_SUFFIX = 'dc=corp,dc=example';

/** The only account that may read, with `PASSWORD`. */
export function reader(suffix: string): string {
  return `cn=keystone,${suffix}`;
}

export function person(number: number): { readonly name: string; readonly password: string } {
  return { name: `user${String(number).padStart(5, '0')}`, password: `secret of ${number}` };
}

/** A machine with the server's programs and both directories. */
export async function startDirectoryMachine(
  addresses: readonly string[],
): Promise<{ readonly machine: Machine; readonly server: DirectoryServer }> {
  const machine = await startMachine('bookworm', addresses, ['slapd']);
  const directory = path.join(machine.root, 'srv/ldap');
  await mkdir(path.join(directory, 'example'), { recursive: true });
  await mkdir(path.join(directory, 'corp'));
  await makeServerSecrets(machine);
  await writeFile(path.join(directory, 'slapd.conf'), CONFIGURATION);
  await writeFile(path.join(directory, 'example.ldif'), example());
  await writeFile(path.join(directory, 'corp.ldif'), CORP);
  const inMachine = (script: string): Promise<string> => shell(machine, `set -e; cd /srv/ldap; ${script}`);
  await inMachine(`slapadd -q -f slapd.conf -b ${SUFFIX} -l example.ldif
    slapadd -q -f slapd.conf -b ${AD_SUFFIX} -l corp.ldif`);
  const server = {
    start: async () => {
      await inMachine(`slapd -f slapd.conf -h 'ldap://127.0.0.1 ldaps:///'
        for i in $(seq 100); do [ ! -s pid ] || exit 0; sleep 0.1; done; exit 1`);
    },
    kill: async () => {
      await inMachine('kill -9 "$(cat pid)"; while [ -e "/proc/$(cat pid)" ]; do sleep 0.05; done; rm pid');
    },
    pause: async () => {
      await inMachine('kill -STOP "$(cat pid)"');
    },
    resume: async () => {
      await inMachine('kill -CONT "$(cat pid)"');
    },
  };
  await server.start();
  return { machine, server };
}

// The part of Active Directory's classes that tests need, with Microsoft's numbers.
const CONFIGURATION = `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP organizationalPerson STRUCTURAL
  MUST ( sAMAccountName $ userAccountControl $ objectCategory ) MAY mail )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST ( cn $ sAMAccountName ) MAY ( member $ description ) )
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /srv/ldap/pid
TLSCACertificateFile /srv/tls/ca.pem
TLSCertificateFile /srv/tls/server.pem
TLSCertificateKeyFile /srv/tls/server.key
sizelimit 500
${[
  ['example', SUFFIX],
  ['corp', AD_SUFFIX],
]
  .map(
    ([name, suffix]) => `
database mdb
suffix ${suffix}
directory /srv/ldap/${name}
maxsize 268435456
index objectClass,uid,cn,member eq
limits dn.exact="cn=keystone,${suffix}" size.soft=unlimited size.hard=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=keystone,${suffix}" read by * none
`,
  )
  .join('')}`;

function entry(dn: string, classes: string, attributes: Readonly<Record<string, string>>): string {
  const lines = Object.entries(attributes).map(
    ([name, value]) => `${name}:: ${Buffer.from(value).toString('base64')}\n`,
  );
  const named = classes.split(' ').map((name) => `objectClass: ${name}\n`);
  return `dn: ${dn}\n${named.join('')}${lines.join('')}\n`;
}

/** The entry of the suffix, and the account that may read. */
function beginning(suffix: string): string {
  const [name = ''] = suffix.slice('dc='.length).split(',');
  return (
    entry(suffix, 'dcObject organization', { o: name, dc: name }) +
    entry(reader(suffix), 'organizationalRole simpleSecurityObject', {
      cn: 'keystone',
      userPassword: PASSWORD,
    })
  );
}

function example(): string {
  const people = `ou=people,${SUFFIX}`;
  const entries = [beginning(SUFFIX), entry(people, 'organizationalUnit', { ou: 'people' })];
  for (let number = 1; number <= PEOPLE; number += 1) {
    const { name, password } = person(number);
    const mail = `${name}@example.org`;
    const facts = { uid: name, cn: `Person ${number}`, sn: 'Person', mail, userPassword: password };
    entries.push(entry(`uid=${name},${people}`, 'inetOrgPerson', facts));
  }
  const member = `uid=${person(1).name},${people}`;
  return [...entries, entry(`cn=operators,${SUFFIX}`, 'groupOfNames', { cn: 'operators', member })].join('');
}

interface Account {
  readonly name: string;
  /** 512 for a normal account, plus 2 if disabled. */
  readonly control: number;
  readonly category: 'person' | 'computer';
}

function account({ name, control, category }: Account): string {
  return entry(`cn=${name} Example,${AD_SUFFIX}`, 'user', {
    cn: `${name} Example`,
    sn: name,
    sAMAccountName: name,
    userAccountControl: String(control),
    objectCategory: category,
    mail: `${name}@corp.example`,
    userPassword: `of ${name}`,
  });
}

const CORP = [
  beginning(AD_SUFFIX),
  account({ name: 'alice', control: 512, category: 'person' }),
  account({ name: 'bob', control: 514, category: 'person' }),
  account({ name: 'printer$', control: 4096, category: 'computer' }),
  entry(`cn=Operators,${AD_SUFFIX}`, 'group', {
    cn: 'Operators',
    sAMAccountName: 'ops',
    member: `cn=alice Example,${AD_SUFFIX}`,
  }),
].join('');
