import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { SOURCE_DATE_EPOCH } from '../../../src/domain/layout.ts';
import { signatureFile } from '../../../src/domain/manifest.ts';
import { readLeadingFiles } from '../../../src/io/archive.ts';
import { gzipMembers, storedMember } from '../../../src/io/archive/gzip.ts';
import { encodeTarHeader, tarPadding } from '../../../src/io/archive/tar-header.ts';

/** One entry of a tar in memory, from its header to the end of its padding; a long name is a separate entry. */
export interface Piece {
  /** Below the release's directory, without a `/` at the end. */
  readonly path: string;
  readonly bytes: Buffer;
}

/** A signed tarball in memory. */
export interface Opened {
  /** The gzip member with the signature. */
  readonly leading: Buffer;
  readonly signature: Buffer;
  readonly release: string;
  readonly pieces: readonly Piece[];
}

const BLOCK = 512;

/** Takes a signed tarball apart. Throws if it is not signed. */
export async function openTarball(file: string): Promise<Opened> {
  const [leading] = await readLeadingFiles(file);
  if (leading === undefined) throw new Error(`${file} is not signed`);
  const bytes = await readFile(file);
  const tar = await promisify(gunzip)(bytes.subarray(leading.length));
  const [release = ''] = leading.path.split('/');
  const pieces: Piece[] = [];
  for (let offset = 0; tar[offset] !== 0;) {
    const text = (start: number, length: number): string =>
      tar.toString('utf8', offset + start, offset + start + length).replace(/\0.*$/su, '');
    const size = Number.parseInt(text(124, 12), 8);
    const end = offset + BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const prefix = text(345, 155);
    const path = `${prefix === '' ? '' : `${prefix}/`}${text(0, 100)}`;
    pieces.push({
      path: path.slice(release.length + 1).replace(/\/$/u, ''),
      bytes: tar.subarray(offset, end),
    });
    offset = end;
  }
  return { leading: bytes.subarray(0, leading.length), signature: leading.content, release, pieces };
}

/** The tarball with other pieces, packed as by ksbundle, under the original signature. */
export async function closeTarball({ leading, pieces }: Opened): Promise<Buffer> {
  const content = async function* (): AsyncGenerator<Buffer> {
    for (const { bytes } of pieces) yield bytes;
    yield Buffer.alloc(2 * BLOCK);
  };
  const members: Buffer[] = [leading];
  for await (const member of gzipMembers(content(), 1)) members.push(member);
  return Buffer.concat(members);
}

/** The gzip member with a signature. */
export function leadingMember(release: string, signature: Buffer): Buffer {
  return storedMember(filePiece(release, signatureFile('ecdsa'), { content: signature }).bytes);
}

/** The piece of a file with this content. */
export function filePiece(release: string, path: string, { content, mode = 0o644 }: FileContent): Piece {
  const header = encodeTarHeader({
    path: `${release}/${path}`,
    kind: 'file',
    mode,
    size: content.length,
    mtime: SOURCE_DATE_EPOCH,
    target: '',
  });
  return { path, bytes: Buffer.concat([header, content, tarPadding(content.length)]) };
}

interface FileContent {
  readonly content: Buffer;
  readonly mode?: number;
}

/** The piece of a directory. */
export function directoryPiece(release: string, path: string, mode: number): Piece {
  const header = encodeTarHeader({
    path: `${release}/${path}/`,
    kind: 'directory',
    mode,
    size: 0,
    mtime: SOURCE_DATE_EPOCH,
    target: '',
  });
  return { path, bytes: header };
}

/** The piece of a symbolic link. */
export function linkPiece(release: string, path: string, target: string): Piece {
  const header = encodeTarHeader({
    path: `${release}/${path}`,
    kind: 'symlink',
    mode: 0o777,
    size: 0,
    mtime: SOURCE_DATE_EPOCH,
    target,
  });
  return { path, bytes: header };
}

/** Content of a file in the pieces. */
export function contentOf({ pieces }: Opened, path: string): Buffer {
  const piece = pieces.find((one) => one.path === path);
  if (piece === undefined) throw new Error(`${path} is not in the tarball`);
  const size = Number.parseInt(piece.bytes.toString('latin1', 124, 135), 8);
  return piece.bytes.subarray(BLOCK, BLOCK + size);
}
