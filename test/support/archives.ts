import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { Header } from 'tar';
import { onTestFinished } from 'vitest';

export interface TarItem {
  readonly path: string;
  readonly type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'FIFO' | 'CharacterDevice';
  readonly content?: string | Buffer;
  readonly linkpath?: string;
  readonly mode?: number;
  readonly mtime?: Date;
}

/** A tar of any items, however hostile. */
export function makeTar(items: readonly TarItem[]): Buffer {
  const blocks = items.flatMap(({ path: name, type = 'File', content = '', linkpath = '', ...rest }) => {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    const { mode = 0o644, mtime = new Date(0) } = rest;
    new Header({
      path: name,
      type,
      linkpath,
      mode,
      mtime,
      uid: 7,
      gid: 7,
      size: body.length,
    }).encode(header);
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export interface ZipItem {
  readonly path: string;
  readonly content?: string | Buffer;
  /** Unix mode with file type; a plain file by default. */
  readonly mode?: number;
  /** Overrides the CRC-32, to make a damaged one. */
  readonly crc?: number;
}

/** A Unix zip of any items, dated 1980-01-01. */
export function makeZip(items: readonly ZipItem[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { path: name, content = '', mode = 0o100644, crc } of items) {
    const body = Buffer.from(content);
    const packed = deflateRawSync(body);
    const raw = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc ?? crc32(body), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(body.length, 18);
    common.writeUInt16LE(raw.length, 22);
    locals.push(Buffer.from('PK\u0003\u0004'), common, raw, packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\u0001\u0002'), Buffer.from([20, 3]), common, rest, raw);
    offset += 4 + common.length + raw.length + packed.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 0, 'latin1');
  end.writeUInt16LE(items.length, 8);
  end.writeUInt16LE(items.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, central, end]);
}

/** A directory that is removed when the running test ends. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Contents of a tree: text for a file, `{ program }` for an executable one, `{ link }` for a symbolic link. */
export type TreeContent = Readonly<
  Record<string, string | { readonly program: string } | { readonly link: string }>
>;

export async function writeTree(root: string, content: TreeContent): Promise<string> {
  await mkdir(root, { recursive: true });
  for (const [name, item] of Object.entries(content)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    if (typeof item === 'string') await writeFile(file, item, { mode: 0o644 });
    else if ('program' in item) await writeFile(file, item.program, { mode: 0o755 });
    else await symlink(item.link, file);
  }
  return root;
}
