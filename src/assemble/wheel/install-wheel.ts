import { open } from 'node:fs/promises';
import path from 'node:path';
import type { WheelFile } from '../../domain/lock.ts';
import type { InstalledWheel, Part } from '../../domain/manifest.ts';
import type { ReleaseTree } from '../release-tree.ts';
import type { WheelLicense } from './license.ts';
import { formatRecord } from './record.ts';
import type { UnpackedWheel } from './unpack-wheel.ts';

export interface WheelInstallation {
  readonly wheel: WheelFile;
  readonly unpacked: UnpackedWheel;
  readonly license: WheelLicense;
  /** Release path of the directory for modules. */
  readonly site: string;
}

/** Files of a dist-info directory that describe the installation; ksbundle writes its own. */
const INSTALLATION_FILES: readonly string[] = [
  'RECORD',
  'RECORD.jws',
  'RECORD.p7s',
  'INSTALLER',
  'REQUESTED',
  'direct_url.json',
];

/**
 * Installs a wheel: modules to `site`, its data below the release's root, licence texts to `licenses/python/<name>/`,
 * native programs to `bin/`. Headers, Python scripts and console scripts do not ship: only a bundle's launchers
 * become programs.
 */
export async function installWheel(
  tree: ReleaseTree,
  installation: WheelInstallation,
): Promise<InstalledWheel> {
  const { wheel, unpacked, license, site } = installation;
  const part: Part = `wheel:${wheel.name}`;
  const info = `${site}/${unpacked.info}`;
  const texts = new Map(license.files.map((text) => [text.file, text.name]));
  const recorded: string[] = [];
  for (const file of unpacked.files) {
    const source = path.join(unpacked.root, file);
    const text = texts.get(file);
    if (text !== undefined) {
      await tree.place(source, `licenses/python/${wheel.name}/${text}`, part);
      continue;
    }
    const target = await placeOf(installation, file);
    if (target !== undefined && (await tree.place(source, target, part))) recorded.push(target);
  }
  if (texts.size === 0) await writeStatement(tree, wheel, license);
  await tree.write(`${info}/INSTALLER`, 'ksbundle\n', { part });
  recorded.push(`${info}/INSTALLER`);
  await tree.write(`${info}/RECORD`, await formatRecord(tree.root, `${info}/RECORD`, recorded), { part });
  const { name, version, file, sha256 } = wheel;
  return { name, version, license: license.license, file, sha256 };
}

/** Release path of a wheel's file, by the scheme directories of the format; undefined if it does not ship. */
async function placeOf({ unpacked, site }: WheelInstallation, file: string): Promise<string | undefined> {
  const { root, info, data } = unpacked;
  if (INSTALLATION_FILES.some((name) => file === `${info}/${name}`)) return undefined;
  if (!file.startsWith(`${data}/`)) return `${site}/${file}`;
  const [scheme = '', ...rest] = file.slice(data.length + 1).split('/');
  const name = rest.join('/');
  switch (scheme) {
    case 'purelib':
    case 'platlib':
      return `${site}/${name}`;
    case 'data':
      return name;
    case 'scripts':
      return (await isScript(path.join(root, file))) ? undefined : `bin/${name}`;
    default:
      return undefined;
  }
}

async function isScript(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.subarray(0, bytesRead).toString('latin1') === '#!';
  } finally {
    await handle.close();
  }
}

/** Some wheels contain no licence text; the statement in their metadata replaces it. */
async function writeStatement(
  tree: ReleaseTree,
  { name, version }: WheelFile,
  { license, stated = license }: WheelLicense,
): Promise<void> {
  const statement = `${name} ${version} carries no licence text. Its metadata says: ${stated}\n`;
  await tree.write(`licenses/python/${name}/STATEMENT`, statement, { part: `wheel:${name}` });
}
