import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../../domain/errors.ts';
import { licenseOfTexts, toLicense } from '../../domain/license.ts';
import type { WheelFile } from '../../domain/lock.ts';
import { parseHeaders, statedLicense } from './metadata.ts';
import type { UnpackedWheel } from './unpack-wheel.ts';

export interface WheelLicense {
  /** SPDX expression; `LicenseRef-<name>` if `decided` is false. */
  readonly license: string;
  readonly decided: boolean;
  /** The statement in the metadata, if any. */
  readonly stated: string | undefined;
  /** Licence texts in the wheel: the path in the wheel, and the path below its licence directory. */
  readonly files: readonly { readonly file: string; readonly name: string }[];
}

const LICENSE_FILE = /^(?:licen[cs]es?\/.+|(?:licen[cs]e|copying|notice|authors)[^/]*)$/iu;

/**
 * The licence of a wheel: from the recipe, otherwise from its metadata, otherwise from its texts. Throws
 * `KSB_LICENSE_MISSING` for a wheel with neither a text nor a statement.
 */
export async function readLicense(
  wheel: WheelFile,
  { root, info, files: all }: UnpackedWheel,
  overrides: ReadonlyMap<string, string>,
): Promise<WheelLicense> {
  const files = all.flatMap((file) => {
    const name = file.startsWith(`${info}/`) ? file.slice(info.length + 1) : '';
    return LICENSE_FILE.test(name) ? [{ file, name: name.replace(/^licen[cs]es?\//iu, '') }] : [];
  });
  const read = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8');
  const { names, texts: inField } = statedLicense(parseHeaders(await read(`${info}/METADATA`)));
  const texts = [...inField, ...(await Promise.all(files.map(({ file }) => read(file))))];
  const [stated] = names;
  if (stated === undefined && texts.length === 0) throw missing(wheel);
  const license =
    overrides.get(wheel.name) ??
    names.map((name) => toLicense(name, texts)).find((each) => each !== undefined) ??
    (stated === undefined ? licenseOfTexts(texts) : undefined);
  return { license: license ?? `LicenseRef-${wheel.name}`, decided: license !== undefined, stated, files };
}

function missing({ file }: WheelFile): KsbundleError {
  return new KsbundleError({
    code: 'KSB_LICENSE_MISSING',
    exitCode: ExitCode.failed,
    message: `the wheel ${file} has no licence text and its metadata names no licence`,
    hint: 'exclude the distribution in the bundle, or pin a version that has one',
  });
}
