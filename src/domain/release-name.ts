/** Name of a bundle's release directory; the tarball is this plus `.tar.gz`. */
export function releaseName(
  bundle: { readonly family: string; readonly version: string; readonly revision: number },
  arch: string,
): string {
  return `${bundle.family}-${bundle.version}-${bundle.revision}-linux-${arch}`;
}
