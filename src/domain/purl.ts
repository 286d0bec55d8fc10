import type { Sha256 } from './digest.ts';
import type { Component } from './recipe.ts';

/** Package URL of a distribution of the Python index; `name` is normalised. */
export function pythonPurl(name: string, version: string): string {
  return `pkg:pypi/${encode(name)}@${encode(version)}`;
}

/**
 * Package URL of a component: `pypi` if it comes from the Python index, otherwise generic, with its source's digest.
 */
export function componentPurl({ name, version, sources }: Component): string {
  const archives = sources.flatMap((source) => source.archives);
  const [project] = archives.flatMap(({ urls }) =>
    urls.flatMap((url) => (url.kind === 'python' ? [url.project] : [])),
  );
  if (project !== undefined) return pythonPurl(project, version);
  return `pkg:generic/${encode(name)}@${encode(version)}${checksum(archives[0]?.sha256)}`;
}

/** The parts of a package URL; `name` includes the namespace if that is part of the usual name, as in Go. */
export interface PackageName {
  readonly type: string;
  readonly name: string;
  readonly version: string;
}

/** Parses a package URL with a version; undefined for any other text. */
export function parsePurl(purl: string): PackageName | undefined {
  const { type, namespace, name, version } =
    /^pkg:(?<type>[a-z][a-z0-9.+-]*)\/(?:(?<namespace>[^@?#]+)\/)?(?<name>[^@?#/]+)@(?<version>[^?#@/]+)(?:[?#].*)?$/u.exec(
      purl,
    )?.groups ?? {};
  if (type === undefined || name === undefined || version === undefined) return undefined;
  const whole = type === 'golang' && namespace !== undefined ? `${namespace}/${name}` : name;
  try {
    return { type, name: decodeURIComponent(whole), version: decodeURIComponent(version) };
  } catch {
    return undefined;
  }
}

function checksum(digest: Sha256 | undefined): string {
  return digest === undefined ? '' : `?checksum=sha256:${digest}`;
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%3A', ':');
}
