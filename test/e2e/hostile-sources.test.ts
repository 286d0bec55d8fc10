import { appendFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { exists, listTree } from '../../src/io/files.ts';
import type { TarItem } from '../support/archives.ts';
import { ksbundle } from './support/cli.ts';
import { makeTinyBundle } from './support/tiny-bundle.ts';

const LICENSE: TarItem = { path: 'top/LICENSE', content: 'As you like.\n' };

/** Sources that write elsewhere, or endlessly; the message must contain `named`. */
const HOSTILE: readonly {
  readonly what: string;
  readonly named: string;
  readonly items: readonly TarItem[];
}[] = [
  {
    what: 'a path that climbs',
    named: 'top/../../escaped',
    items: [{ path: 'top/../../escaped', content: 'x' }],
  },
  { what: 'an absolute path', named: '/tmp/escaped', items: [{ path: '/tmp/escaped', content: 'x' }] },
  {
    what: 'a symbolic link that leaves',
    named: 'link',
    items: [{ path: 'top/link', type: 'SymbolicLink', linkpath: '../../..' }],
  },
  {
    what: 'a symbolic link to an absolute path',
    named: 'link',
    items: [{ path: 'top/link', type: 'SymbolicLink', linkpath: '/etc' }],
  },
  {
    what: 'a file through a link of the archive itself',
    named: 'top/link/escaped',
    items: [
      { path: 'top/link', type: 'SymbolicLink', linkpath: '/tmp' },
      { path: 'top/link/escaped', content: 'x' },
    ],
  },
  {
    what: 'a hard link to a file of the host',
    named: 'top/hard',
    items: [{ path: 'top/hard', type: 'Link', linkpath: '/etc/passwd' }],
  },
  { what: 'a device', named: 'top/device', items: [{ path: 'top/device', type: 'CharacterDevice' }] },
  {
    what: 'a bomb',
    named: 'top/bomb',
    items: [{ path: 'top/bomb', content: Buffer.alloc(100 * 2 ** 20) }],
  },
];

describe('ksbundle build refuses a source that is', () => {
  it.each(HOSTILE)('$what', async ({ items, named }) => {
    const tiny = await makeTinyBundle({ archive: [LICENSE, ...items] });
    const refused = await ksbundle(tiny.build);
    expect(refused).toMatchObject({ exitCode: 4, stdout: '' });
    const error = refused.stderr.split('\n').find((line) => line.includes('KSB_ARCHIVE_HOSTILE'));
    expect(error).toContain('note-1.0.0.tar.gz');
    expect(error).toContain(JSON.stringify(named));
    expect(await exists(tiny.tarball)).toBe(false);
    const files = await listTree(tiny.cache);
    expect(files.filter((entry) => /escaped|bomb|\/hard$/.test(entry.path))).toEqual([]);
    expect(await exists('/tmp/escaped')).toBe(false);
  });

  it('with another digest', async () => {
    const tiny = await makeTinyBundle();
    await appendFile(`${tiny.mirror}/note-1.0.0.tar.gz`, 'x');
    const refused = await ksbundle([...tiny.build, '--offline']);
    expect(refused).toMatchObject({ exitCode: 4, stdout: '' });
    expect(refused.stderr).toContain('note-1.0.0.tar.gz');
    expect(refused.stderr.match(/[0-9a-f]{64}/g)?.length).toBeGreaterThanOrEqual(2);
  });
});

it('output of steps never controls a terminal', async () => {
  const script = String.raw`printf '\033]0;owned\007\302\2332J\n'; exit 1`;
  const tiny = await makeTinyBundle({ script });
  const failed = await ksbundle([...tiny.build, '--verbose']);
  expect(failed).toMatchObject({ exitCode: 1, stdout: '' });
  // As printed, and as the end of the log below the error.
  expect(failed.stderr.split(String.raw`\x1b]0;owned\x07\x9b2J`).length).toBeGreaterThanOrEqual(3);
  expect(failed.stderr).toMatch(/^(?:[^\p{Cc}]|\n)*$/u);
});
