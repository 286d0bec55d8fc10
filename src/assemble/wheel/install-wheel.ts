import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import type { WheelFile } from '../../domain/lock.ts';
import type { InstalledWheel, Part } from '../../domain/manifest.ts';
import type { ReleaseTree } from '../release-tree.ts';
import { parseHeaders, statedLicense } from './metadata.ts';
import { formatRecord } from './record.ts';
import type { UnpackedWheel } from './unpack-wheel.ts';

export interface WheelInstallation {
  readonly wheel: WheelFile;
  readonly unpacked: UnpackedWheel;
  /** Release path of the directory that modules go to. */
  readonly site: string;
}

/** Files of a dist-info directory that tell of an installation, which is ours to tell. */
const INSTALLATION_FILES: readonly string[] = [
  'RECORD',
  'RECORD.jws',
  'RECORD.p7s',
  'INSTALLER',
  'REQUESTED',
  'direct_url.json',
];

const LICENSE_FILE = /^(?:licen[cs]es?\/.+|(?:licen[cs]e|copying|notice|authors)[^/]*)$/iu;

/**
 * Installs a wheel: modules to `site`, its data below the release's root, licence texts to `licenses/python/<name>/`,
 * native programs to `bin/`. Headers and Python scripts do not ship, nor do console scripts: what a bundle's
 * launchers name is all that gets a program. Throws `KSB_LICENSE_MISSING` for a wheel that says nothing of its licence.
 */
export async function installWheel(
  tree: ReleaseTree,
  installation: WheelInstallation,
): Promise<InstalledWheel> {
  const { wheel, unpacked, site } = installation;
  const part: Part = `wheel:${wheel.name}`;
  const info = `${site}/${unpacked.info}`;
  const license = statedLicense(
    parseHeaders(await readFile(path.join(unpacked.root, unpacked.info, 'METADATA'), 'utf8')),
  );
  const recorded: string[] = [];
  let licenseTexts = 0;
  for (const file of unpacked.files) {
    const source = path.join(unpacked.root, file);
    const text = licenseText(unpacked, file);
    if (text !== undefined) {
      licenseTexts += 1;
      await tree.place(source, `licenses/python/${wheel.name}/${text}`, part);
      continue;
    }
    const target = await placeOf(installation, file);
    if (target !== undefined && (await tree.place(source, target, part))) recorded.push(target);
  }
  if (licenseTexts === 0) await writeStatement(tree, wheel, license);
  await tree.write(`${info}/INSTALLER`, 'ksbundle\n', { part });
  recorded.push(`${info}/INSTALLER`);
  await tree.write(`${info}/RECORD`, await formatRecord(tree.root, `${info}/RECORD`, recorded), { part });
  const { name, version, file, sha256 } = wheel;
  return { name, version, license: license ?? 'see the licence text', file, sha256 };
}

/** Path below the wheel's licence directory if `file` is one of its licence texts. */
function licenseText({ info }: UnpackedWheel, file: string): string | undefined {
  if (!file.startsWith(`${info}/`)) return undefined;
  const name = file.slice(info.length + 1);
  return LICENSE_FILE.test(name) ? name.replace(/^licen[cs]es?\//iu, '') : undefined;
}

/** Release path of a wheel's file, by the scheme directories of the format; undefined for what does not ship. */
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

/** Some wheels carry no licence text; what their metadata says then stands in its place. */
async function writeStatement(
  tree: ReleaseTree,
  wheel: WheelFile,
  license: string | undefined,
): Promise<void> {
  if (license === undefined) {
    throw new KsbundleError({
      code: 'KSB_LICENSE_MISSING',
      exitCode: ExitCode.failed,
      message: `the wheel ${wheel.file} has no licence text and its metadata names no licence`,
      hint: 'exclude the distribution in the bundle, or pin a version that has one',
    });
  }
  const statement = `${wheel.name} ${wheel.version} carries no licence text. Its metadata says: ${license}\n`;
  await tree.write(`licenses/python/${wheel.name}/STATEMENT`, statement, { part: `wheel:${wheel.name}` });
}
