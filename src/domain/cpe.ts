/**
 * The full CPE 2.3 name of a version of `name`, which is given as far as the product (`cpe:2.3:a:openssl:openssl`). In the
 * formatted string all but letters, digits, `_`, `-` and `.` is escaped (NISTIR 7695, section 6.2.2).
 */
export function cpeOfVersion(name: string, version: string): string {
  const escaped = version.toLowerCase().replaceAll(/[^\w.-]/gu, (character) => `\\${character}`);
  return `${name}:${escaped}:*:*:*:*:*:*:*`;
}
