import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { unpackArchive } from '../../../../src/io/archive.ts';
import { makeTar, temporaryDirectory } from '../../../support/archives.ts';
import { factsOf } from '../../../support/errors.ts';

const DATA = gzipSync(makeTar([{ path: './usr/share/doc/copyright', content: 'text' }]));

/** An ar archive with these members. */
function makeAr(members: Readonly<Record<string, Buffer>>): Buffer {
  const parts = Object.entries(members).flatMap(([name, body]) => {
    const header = `${name.padEnd(16)}0           0     0     100644  ${String(body.length).padEnd(10)}\`\n`;
    return [Buffer.from(header), body, Buffer.alloc(body.length % 2, '\n')];
  });
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

async function unpack(bytes: Buffer): Promise<string> {
  const directory = await temporaryDirectory();
  await writeFile(path.join(directory, 'some.deb'), bytes);
  await unpackArchive(path.join(directory, 'some.deb'), path.join(directory, 'out'), { strip: 2 });
  expect((await readdir(directory)).toSorted()).toEqual(['out', 'some.deb']);
  return path.join(directory, 'out');
}

it.each(['control.tar.gz', 'control.tar.gz/'])(
  'unpacks the files that a Debian package installs',
  async (other) => {
    const content = {
      'debian-binary': Buffer.from('2.0\n'),
      [other]: Buffer.from('odd'),
      'data.tar.gz': DATA,
    };
    const out = await unpack(makeAr(content));
    expect(await readFile(path.join(out, 'doc/copyright'), 'utf8')).toBe('text');
  },
);

it('refuses a package that is damaged', async () => {
  const whole = makeAr({ 'debian-binary': Buffer.from('2.0\n'), 'data.tar.gz': DATA });
  const why = async (bytes: Buffer): Promise<unknown> => {
    const facts = await factsOf(unpack(bytes));
    return `${facts.code} ${facts.why ?? ''}`;
  };
  expect(await why(whole.subarray(0, -2))).toBe('KSB_ARCHIVE_DAMAGED byte 72 begins no member');
  expect(await why(whole.subarray(0, 100))).toBe('KSB_ARCHIVE_DAMAGED byte 72 begins no member');
  expect(await why(whole.subarray(0, 72))).toBe('KSB_ARCHIVE_DAMAGED it has no member data.tar');
});
