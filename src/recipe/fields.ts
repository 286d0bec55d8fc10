import { z } from 'zod';
import { isSha256, type Sha256 } from '../domain/digest.ts';
import { normalizeDistribution } from '../domain/distribution.ts';
import { isInnerPath } from '../domain/inner-path.ts';
import { isLicense } from '../domain/license.ts';
import { parsePurl } from '../domain/purl.ts';
import { correctLicense } from './licenses.ts';
import {
  findVersion,
  DISTRIBUTION,
  FILE_NAME,
  isGlob,
  isDay,
  isPattern,
  isRequirement,
  isUrl,
  VERSION,
  parseArchiveUrl,
} from './syntax.ts';

interface TextForm {
  /** Code of the problem for a value of another form. */
  readonly code: string;
  /** Description of the expected value, with an example. */
  readonly expected: string;
  /** A regular expression also goes into the JSON Schema. */
  readonly accepts: RegExp | ((text: string) => boolean);
  /** The value that the user probably meant. */
  readonly correct?: (text: string) => string | undefined;
}

/**
 * A schema for strings of one form; it reports the form's code and, as the hint, the value that the user probably
 * meant.
 */
export function text({ code, expected, accepts, correct }: TextForm): z.ZodString {
  const fits = accepts instanceof RegExp ? (value: string) => accepts.test(value) : accepts;
  const schema = z.string().check((context) => {
    const value = context.value;
    if (fits(value)) return;
    const suggestion = correct?.(value);
    context.issues.push({
      code: 'custom',
      input: value,
      message: `expected ${expected}, not ${JSON.stringify(value)}`,
      params: {
        code,
        ...(suggestion === undefined ? {} : { hint: `did you mean ${JSON.stringify(suggestion)}?` }),
      },
      continue: true,
    });
  });
  return accepts instanceof RegExp ? schema.meta({ pattern: accepts.source }) : schema;
}

/** One line of text for users. */
export const sentence = text({
  code: 'empty-text',
  expected: 'one line of text',
  accepts: (value) => /\S/.test(value) && !/[\n\r]/.test(value),
});

/** Name of a component, bundle or toolchain, and of its directory. */
export const recipeName = text({
  code: 'bad-name',
  expected: 'a name of lower-case letters, digits and "-", "_", ".", "+", such as "apr-util"',
  accepts: /^[a-z0-9][a-z0-9._+-]*$/,
  correct: (value) =>
    value
      .toLowerCase()
      .replace(/[^a-z0-9._+-]+/g, '-')
      .replace(/^[^a-z0-9]+|-+$/g, '') || undefined,
});

/** Name of a step, an answer, an audit rule or an architecture variable. */
export const kebabName = text({
  code: 'bad-name',
  expected: 'a name of lower-case words joined by "-", such as "admin-password-file"',
  accepts: /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/,
  correct: (value) =>
    value
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^[^a-z]+|-+$/g, '') || undefined,
});

export const programName = text({
  code: 'bad-name',
  expected: 'a program name such as "flask"',
  accepts: FILE_NAME,
});

export const version = text({
  code: 'bad-version',
  expected: 'dotted numbers with an optional suffix, such as "1.3.2" or "2.1.13-stable"',
  accepts: VERSION,
  correct: findVersion,
});

/** A day, as text: TOML's own dates would carry a time and a zone. */
export const date = text({
  code: 'bad-date',
  expected: 'a day as year, month and day, such as "2026-11-29"',
  accepts: isDay,
});

export const license = text({
  code: 'bad-license',
  expected: 'an SPDX licence expression, such as "Apache-2.0" or "MIT OR BSD-3-Clause"',
  accepts: isLicense,
  correct: correctLicense,
});

export const url = text({
  code: 'bad-url',
  expected: 'an https:// address without user name and password',
  accepts: isUrl,
  correct: (value) => {
    const secure = value.replace(/^http:/, 'https:');
    return isUrl(secure) ? secure : undefined;
  },
});

/** A day in ISO 8601. */
export const day = text({
  code: 'bad-date',
  expected: 'a day such as "2028-04-30"',
  accepts: (value) => /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)),
});

/** A contact address. */
export const contact = text({
  code: 'bad-contact',
  expected: 'an https:// address, or a mailto: one, such as "mailto:security@example.org"',
  accepts: (value) => isUrl(value) || /^mailto:[^\s@]+@[^\s@]+$/.test(value),
});

export const cpe = text({
  code: 'bad-cpe',
  expected: 'a CPE 2.3 name without version, such as "cpe:2.3:a:openssl:openssl"',
  accepts: /^cpe:2\.3:[aho](?::[a-z0-9._\\+-]+){2}$/,
});

/** A package inside a component or wheel: the last part of its name in a report. */
export const embeddedName = text({
  code: 'bad-name',
  expected: 'the name of an embedded package, such as "openssl" or "cargo:asn1"',
  accepts: /^(?:(?:cargo|golang):)?[A-Za-z0-9][A-Za-z0-9._/+-]*$/,
});

export const purl = text({
  code: 'bad-purl',
  expected: 'a package URL with a version, such as "pkg:generic/openssl@3.5.7" or "pkg:cargo/asn1@0.24.1"',
  accepts: (value) => parsePurl(value) !== undefined,
});

export const digest = text({
  code: 'bad-digest',
  expected: 'a SHA-256 digest of 64 lower-case hexadecimal digits',
  accepts: /^[0-9a-f]{64}$/,
  correct: (value) => {
    const bare = value
      .trim()
      .toLowerCase()
      .replace(/^sha256[:=-]/, '');
    return isSha256(bare) ? bare : undefined;
  },
}).transform((value) => value as Sha256);

export const archiveUrl = text({
  code: 'bad-archive-url',
  expected: '"https://…", "debian:<path below pool/main/>" or "python:<project>/<file>"',
  accepts: (value) => parseArchiveUrl(value) !== undefined,
  correct: (value) => {
    const corrected = value.replace(/^http:/, 'https:').replace(/^.*\/pool\/main\//, 'debian:');
    return parseArchiveUrl(corrected) === undefined ? undefined : corrected;
  },
});

export const fileName = text({
  code: 'bad-file-name',
  expected: 'a file name of letters, digits and "._+~-"',
  accepts: FILE_NAME,
});

export const innerPath = text({
  code: 'bad-path',
  expected: 'a relative path without "." and ".." parts, such as "srclib/apr"',
  accepts: (value) => value === '.' || isInnerPath(value),
});

/** Whether a text is a plain path in an instance. */
export function isInstancePath(value: string): boolean {
  return isInnerPath(value) && /^[\w.+@-]+(?:\/[\w.+@-]+)*$/.test(value);
}

export const glob = text({
  code: 'bad-glob',
  expected: 'a glob over relative paths, such as "lib/*.so*" or "share/**"',
  accepts: isGlob,
  correct: (value) => {
    const corrected = value.replace(/^(?:\.?\/)+|\/+$/g, '');
    return isGlob(corrected) ? corrected : undefined;
  },
});

export const metavar = text({
  code: 'bad-name',
  expected: 'a placeholder in capitals, such as "HOST" or "[HOST:]PORT"',
  accepts: /^[A-Z0-9_:|.[\]-]+$/,
});

export const pattern = text({
  code: 'bad-pattern',
  expected: 'a regular expression in the syntax that JavaScript and Python share',
  accepts: isPattern,
});

export const distribution = text({
  code: 'bad-distribution',
  expected: 'a normalised Python distribution name, such as "ruamel-yaml"',
  accepts: DISTRIBUTION,
  correct: (value) => {
    const normalised = normalizeDistribution(value);
    return DISTRIBUTION.test(normalised) ? normalised : undefined;
  },
});

export const requirement = text({
  code: 'bad-requirement',
  expected: 'a PEP 508 requirement, such as "flask==3.1.0"',
  accepts: isRequirement,
});

export const moduleName = text({
  code: 'bad-module',
  expected:
    'the name of a Python module, such as "flask.app", or of a package with all below it, such as "flask.*"',
  accepts: /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\.\*)?$/,
});

export const entryPoint = text({
  code: 'bad-entry-point',
  expected: 'a Python entry point, such as "flask.cli:main"',
  accepts: /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/,
});

export const tag = text({
  code: 'bad-tag',
  expected: 'a tag of a Git repository, such as "openssl-3.5.7"',
  accepts: /^[A-Za-z0-9][A-Za-z0-9._+/-]*$/,
});

export const vulnerability = text({
  code: 'bad-vulnerability',
  expected: 'the name of one vulnerability, such as "CVE-2012-3542" or "GHSA-79v4-65xp-rfgm"',
  accepts: /^[A-Z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+$/,
  correct: (value) => (/^cve-\d{4}-\d+$/i.test(value.trim()) ? value.trim().toUpperCase() : undefined),
});

/** Environment variables of steps. */
export const environment = z.record(
  text({
    code: 'bad-name',
    expected: 'the name of an environment variable, such as "CFLAGS"',
    accepts: /^[A-Za-z_][A-Za-z0-9_]*$/,
  }),
  z.string(),
);
