/** The namespace of a package's name: Rust's registry, Go's, or upstream. */
export type Registry = 'cargo' | 'golang' | 'generic';

/** Code of another project that a file has in it. */
export interface FoundLibrary {
  readonly registry: Registry;
  readonly name: string;
  /** The versions that it may have, one of which it has; none if the file does not tell. */
  readonly versions: readonly string[];
}
