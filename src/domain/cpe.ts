/**
 * The full CPE 2.3 name of a version of `name`, a name up to the product (`cpe:2.3:a:openssl:openssl`). Escapes
 * everything but letters, digits, `_`, `-` and `.` (NISTIR 7695, section 6.2.2).
 */
export function cpeOfVersion(name: string, version: string): string {
  const escaped = version.toLowerCase().replaceAll(/[^\w.-]/gu, (character) => `\\${character}`);
  return `${name}:${escaped}:*:*:*:*:*:*:*`;
}

/** The fields of a CPE 2.3 formatted string, still escaped: `cpe`, `2.3`, part, vendor, product, version, update and so on. */
export function splitCpe(name: string): readonly string[] {
  return name.split(/(?<!\\):/u);
}

/** A field of a CPE name without escapes. */
export function unescapeCpe(field: string): string {
  return field.replaceAll(/\\(.)/gu, '$1');
}
