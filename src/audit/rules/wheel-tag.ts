import path from 'node:path';
import { formatPlatform } from '../../domain/platform.ts';
import { parseWheelName, rankWheel } from '../../domain/wheel-tag.ts';
import type { AuditOptions } from '../options.ts';
import type { Rule } from '../rule.ts';

/** The tags of every installed wheel match the interpreter and the glibc floor. */
export const wheelTag: Rule = {
  name: 'wheel-tag',
  remedy: "lock a version with a wheel for the glibc floor, or build it with the release's own interpreter",
  *checkEntry({ path: file }, bytes, options) {
    if (!file.endsWith('.dist-info/WHEEL')) return;
    const tags = readTags(bytes.toString('utf8'));
    if (tags.some((tag) => fits(file, tag, options))) return;
    const subject = tags.join(' ');
    const { python, platform } = options;
    const interpreter = python === undefined ? 'no interpreter' : `CPython ${python.major}.${python.minor}`;
    const wanted = `${interpreter} on ${formatPlatform(platform)}`;
    yield {
      path: file,
      subject,
      message: `comes from a wheel for ${subject || 'no platform'}, but this release has ${wanted}`,
    };
  },
};

function readTags(metadata: string): string[] {
  return [...metadata.matchAll(/^Tag:[ \t]*(\S+)[ \t]*\r?$/gm)].flatMap(([, tag]) => tag ?? []);
}

/** Rebuilds the name of the wheel file from the directory's name and a tag (PEP 427). */
function fits(file: string, tag: string, { platform, python }: AuditOptions): boolean {
  const distribution = path.posix.basename(path.posix.dirname(file), '.dist-info');
  const wheel = parseWheelName(`${distribution}-${tag}.whl`);
  return wheel !== undefined && python !== undefined && rankWheel(wheel, { python, platform }) !== undefined;
}
