import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Manifest, Part } from '../../../src/domain/manifest.ts';
import { encodeTarHeader, packTree, TAR_END, unpackArchive } from '../../../src/io/archive.ts';
import { hashBytes, hashFile } from '../../../src/io/files.ts';
import { describeContent, MEDIA_TYPES, type Descriptor } from '../../../src/pack/oci/format.ts';
import { planLayers } from '../../../src/pack/oci/layers.ts';
import { makeOci } from '../../../src/pack/oci/make.ts';
import { generateKeys } from '../../../src/pack/keys.ts';
import { signFile } from '../../../src/pipeline/sign.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { factsOf } from '../../support/errors.ts';
import { NAME, packDemo } from '../../support/packed-release.ts';

const HOSTS = { path: 'etc/', kind: 'directory', mode: 0o755, size: 0, mtime: 0, target: '' } as const;

/** An image layout with one layer; `change` changes its files before they are written. */
async function makeBase({
  architecture = 'amd64',
  mediaType = MEDIA_TYPES.manifest,
  change = () => undefined,
}: {
  readonly architecture?: string;
  readonly mediaType?: string;
  readonly change?: (files: Record<string, string | Buffer>, image: Descriptor) => unknown;
} = {}): Promise<string> {
  const files: Record<string, string | Buffer> = { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' };
  const add = (type: string, content: string | Buffer): Descriptor => {
    const blob = describeContent(type, content);
    files[`blobs/${blob.digest.replace(':', '/')}`] = content;
    return blob;
  };
  const tar = Buffer.concat([encodeTarHeader(HOSTS), TAR_END]);
  const layer = add(MEDIA_TYPES.layer, gzipSync(tar));
  const config = add(
    MEDIA_TYPES.config,
    JSON.stringify({
      architecture,
      os: 'linux',
      config: { Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${hashBytes(tar)}`] },
    }),
  );
  const image = add(mediaType, JSON.stringify({ schemaVersion: 2, config, layers: [layer] }));
  files['index.json'] = JSON.stringify({ schemaVersion: 2, manifests: [image] });
  change(files, image);
  const root = await temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  }
  return root;
}

interface Image {
  readonly name: string;
  readonly digest: string;
  /** Parses a document by its digest. */
  readonly read: (digest: string) => Promise<Record<string, unknown>>;
  readonly blob: (digest: string) => Promise<Buffer>;
  readonly index: { readonly manifests: readonly Descriptor[] };
  readonly layers: ReadonlyMap<string, string>;
  readonly sha256: string;
}

async function makeImage(tarball: string, base: string): Promise<Image> {
  const directory = await temporaryDirectory();
  const { file, name, digest, layers } = await makeOci(tarball, { base, directory, keys: [] });
  expect(file).toBe(path.join(directory, `${NAME}.oci.tar`));
  const layout = path.join(directory, 'layout');
  await unpackArchive(file, layout);
  const blob = (of: string): Promise<Buffer> => readFile(path.join(layout, 'blobs', ...of.split(':')));
  const parse = (text: Buffer): never => JSON.parse(text.toString()) as never;
  return {
    name,
    digest,
    blob,
    read: async (of) => parse(await blob(of)),
    index: parse(await readFile(path.join(layout, 'index.json'))),
    layers: new Map(layers.map((layer) => [layer.name, layer.digest])),
    sha256: await hashFile(file),
  };
}

describe('an image', () => {
  it('is the same, byte for byte, from two places, and from a base as a directory and as a tar', async () => {
    const [{ packed: one }, { packed: other }, base] = [await packDemo(), await packDemo(), await makeBase()];
    const archive = path.join(await temporaryDirectory(), 'base.tar');
    await packTree(base, archive);
    const first = await makeImage(one.tarball, base);
    expect((await makeImage(other.tarball, archive)).sha256).toBe(first.sha256);
    expect(first.name).toBe('demo:1.0-1');
  });

  it('puts the release on the base, and its program is the foreground mode', async () => {
    const { packed } = await packDemo();
    const image = await makeImage(packed.tarball, await makeBase());
    const { config, layers, annotations } = (await image.read(image.digest)) as unknown as {
      config: Descriptor;
      layers: Descriptor[];
      annotations: object;
    };
    expect(annotations).toMatchObject({
      'org.opencontainers.image.created': '2026-01-01T00:00:00Z',
      'org.opencontainers.image.version': '1.0-1',
    });
    const { rootfs, ...rest } = (await image.read(config.digest)) as unknown as {
      rootfs: { diff_ids: string[] };
    };
    expect(rest).toMatchObject({
      architecture: 'amd64',
      config: {
        Entrypoint: ['/opt/demo/init/bootstrap.sh'],
        Cmd: ['run'],
        Env: ['PATH=/bin', 'KSB_INSTANCE=/var/lib/demo/instance'],
        User: '65534:65534',
        Volumes: { '/var/lib/demo': {} },
      },
    });
    const tars = await Promise.all(layers.map(async ({ digest }) => gunzipSync(await image.blob(digest))));
    expect(tars.map((tar) => `sha256:${hashBytes(tar)}`)).toEqual(rootfs.diff_ids);
    const names = tars.flatMap((tar) => tar.toString('latin1').match(/(?:opt|var|etc)\/[\w./-]*/gu) ?? []);
    expect(new Set(names)).toEqual(
      new Set(
        'etc/ opt/ opt/demo/ opt/demo/bin/ opt/demo/bin/python opt/demo/bin/python3 opt/demo/lib/ opt/demo/lib/app.py opt/demo/lib/a opt/demo/README opt/demo/SHA256SUMS opt/demo/manifest.json opt/demo/sbom.cdx.json var/ var/lib/ var/lib/demo/'.split(
          ' ',
        ),
      ),
    );
  });

  it('of the next release has the layers of all parts that are the same', async () => {
    const [{ packed: from }, { packed: to }] = [
      await packDemo(),
      await packDemo((release) => writeFile(path.join(release, 'lib', 'app.py'), 'print(2)\n')),
    ];
    const base = await makeBase();
    const [before, after] = [await makeImage(from.tarball, base), await makeImage(to.tarball, base)];
    const moved = [...after.layers].filter(([name, digest]) => before.layers.get(name) !== digest);
    expect(moved.map(([name]) => name)).toEqual(['wheels', 'bundle']);
    expect([...after.layers.keys()]).toEqual(['volume', 'components', 'wheels', 'bundle']);
  });

  it('is the subject of the bill of materials, and of the provenance if there is one', async () => {
    const { packed } = await packDemo();
    const base = await makeBase();
    const image = await makeImage(packed.tarball, base);
    const [{ digest } = { digest: '' }, ...referrers] = image.index.manifests;
    expect(digest).toBe(image.digest);
    const contents: string[] = [];
    for (const referrer of referrers) {
      const document = (await image.read(referrer.digest)) as unknown as {
        subject: Descriptor;
        layers: Descriptor[];
      };
      expect(document).toMatchObject({
        artifactType: referrer.artifactType,
        subject: { digest: image.digest },
      });
      contents.push(
        ...(await Promise.all(
          document.layers.map(async (layer) => (await image.blob(layer.digest)).toString()),
        )),
      );
    }
    expect(contents[0]).toContain('"bomFormat"');
    expect(contents[1]).toBe(await readFile(packed.provenance, 'utf8'));
    await rename(packed.provenance, `${packed.provenance}.away`);
    const without = await makeImage(packed.tarball, base);
    expect(without.digest).toBe(image.digest);
    expect(without.index.manifests).toHaveLength(2);
  });

  it('contains the signature', async () => {
    const { packed, directory } = await packDemo();
    const key = path.join(directory, 'key');
    await generateKeys({ file: key });
    await signFile(packed.tarball, { files: [key] });
    const image = await makeImage(packed.tarball, await makeBase());
    const tar = gunzipSync(await image.blob(image.layers.get('bundle') ?? ''));
    expect(tar.toString('latin1')).toContain('opt/demo/SHA256SUMS.sig');
  });
});

describe('layers', () => {
  it('are one for each large part, and few for all others; the bundle comes last', () => {
    const file = (part: Part, size: number): object => ({ path: part, part, size });
    const files = [
      file('bundle', 1 << 20),
      file('component:openssl', 1 << 19),
      file('component:zlib', 1000),
      ...Array.from({ length: 200 }, (_, number) => file(`wheel:w${number}`, (1 << 19) + number)),
    ];
    const layers = planLayers({ files } as unknown as Manifest);
    const names = layers.map(({ name }) => name);
    expect(names).toContain('wheel:w199');
    expect(names).not.toContain('wheel:w0');
    expect(names.at(-1)).toBe('bundle');
    expect(names).toHaveLength(80 + 3);
    expect(layers.flatMap((layer) => layer.files)).toHaveLength(files.length);
  });
});

describe('a base is refused', () => {
  it.each([
    ['it does not exist', async () => path.join(await temporaryDirectory(), 'none')],
    ['it is not an image layout: it has no index.json', () => temporaryDirectory()],
    ['it has no image for linux/amd64', () => makeBase({ change: withoutImages })],
    ['it has 2 images for linux/amd64, not one', () => makeBase({ change: twice })],
    ['its image is for arm64, the release for amd64', () => makeBase({ architecture: 'arm64' })],
    [
      'its image has the type application/vnd.docker.distribution.manifest.v2+json, not that of OCI',
      () => makeBase({ mediaType: 'application/vnd.docker.distribution.manifest.v2+json' }),
    ],
    ['is missing or damaged', () => makeBase({ change: damage })],
    ['its index.json is not what an image layout has there', () => makeBase({ change: breakIndex })],
  ])('because %s', async (why, make) => {
    const { packed } = await packDemo();
    const directory = path.join(await temporaryDirectory(), 'new');
    const options = { base: await make(), directory, keys: [] };
    const facts = await factsOf(makeOci(packed.tarball, options));
    expect(facts).toMatchObject({ code: 'KSB_BASE_UNUSABLE', exitCode: 4 });
    expect(facts.why).toContain(why);
    await expect(readFile(directory)).rejects.toThrow('ENOENT');
  });
});

it('a damaged tarball becomes no image', async () => {
  const { packed } = await packDemo();
  const bytes = await readFile(packed.tarball);
  await rm(packed.tarball);
  await writeFile(packed.tarball, bytes.subarray(0, -20));
  const options = { base: await makeBase(), directory: await temporaryDirectory(), keys: [] };
  expect(await factsOf(makeOci(packed.tarball, options))).toMatchObject({ exitCode: 4 });
});

function withoutImages(files: Record<string, string | Buffer>): void {
  files['index.json'] = JSON.stringify({ manifests: [] });
}

function twice(files: Record<string, string | Buffer>, image: Descriptor): void {
  files['index.json'] = JSON.stringify({ manifests: [image, image] });
}

function breakIndex(files: Record<string, string | Buffer>): void {
  files['index.json'] = '{"manifests": 1}';
}

function damage(files: Record<string, string | Buffer>): void {
  for (const [name, content] of Object.entries(files))
    if (typeof content !== 'string') files[name] = Buffer.concat([content, Buffer.from('x')]);
}
