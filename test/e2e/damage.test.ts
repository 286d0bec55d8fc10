import { chmod, lstat, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import { flip, listedFiles, type Flip } from './support/damage.ts';
import { changedSince, fingerprint } from './support/inside.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { spread } from './support/points.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, bootstrap, install, unpack, type Site } from './support/site.ts';
import { shell } from './support/succeed.ts';
import { REDIS } from './support/tested-bundle.ts';

const OTHER_ADDRESS = '192.168.1.77';
const STAMP = '/stamp';
/** Temporary place of a file of the release. */
const AWAY = '/tmp/away';
/** Number of files, from the smallest to the largest, to change one by one. */
const ALONE = exhaustive ? 150 : 8;
/** Number of places in bootstrap.sh to change a bit. */
const SCRIPT_PLACES = exhaustive ? 200 : 8;
/** Commands that must refuse a damaged release, with a change that would make them write. */
const CHECKED = [
  ['install', '--host', OTHER_ADDRESS],
  ['install', '--host', ADDRESS, '--instance', '/srv/new'],
  ['plan', '--host', OTHER_ADDRESS],
  ['verify'],
  ['verify', '--json'],
  ['start'],
  ['restart'],
  ['backup'],
  ['uninstall'],
];

const lacking = await whyNoMachines();

describe.skipIf(lacking !== undefined)(
  `a release that is not as it was packed${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let files: readonly string[];
    /** A program other than the interpreter, a library, and a file that no process has open. */
    let program: string;
    let library: string;
    let license: string;
    let instance: ReadonlyMap<string, string>;

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS, OTHER_ADDRESS]);
      const { present } = await REDIS.tarballs();
      site = await unpack(machine, '/srv/key stöne', { from: present });
      files = await listedFiles(site);
      const find = (pattern: RegExp): string =>
        files.find((file) => pattern.test(file)) ?? expect.fail(`the release has no ${pattern.source}`);
      program = find(/^bin\/(?!python)/);
      library = find(/^lib\/[^/]+\.so\b/);
      license = find(/^licenses\//);
      await install(site, ['--host', ADDRESS]);
      // Daemons would write if a command wrongly started them again.
      await bootstrap(site, ['stop']);
      instance = await fingerprint(machine, site.instance);
      await machine.execute(['touch', STAMP]);
      await machine.execute(['sleep', '0.1']);
      return () => machine.destroy();
    });

    const inRelease = (file: string): string => path.join(machine.root, site.release, file);
    /** Files written since the release was first damaged, except the damage. */
    const written = async (): Promise<string[]> => {
      const now = await fingerprint(machine, site.instance);
      const inside = [...new Set([...now.keys(), ...instance.keys()])].filter(
        (file) => now.get(file) !== instance.get(file),
      );
      const ours = new Set([site.release, path.dirname(AWAY)]);
      const changed = await changedSince(machine, STAMP);
      return [
        ...inside,
        ...changed.filter((file) => !ours.has(file) && !file.startsWith(`${site.release}/`)),
      ];
    };
    /** Runs the command with the `damage`, which returns its undo function. */
    const during = async (
      damage: () => Promise<() => Promise<void>>,
      parameters: readonly string[],
    ): Promise<RunResult> => {
      const restore = await damage();
      try {
        return await bootstrap(site, parameters);
      } finally {
        await restore();
      }
    };
    const flipAll = async (flips: readonly Flip[]): Promise<() => Promise<void>> => {
      const restores: (() => Promise<void>)[] = [];
      for (const one of flips) restores.push(await flip(site, one));
      return async () => {
        for (const restore of restores) await restore();
      };
    };
    const expectRefused = (result: RunResult, names: readonly string[]): void => {
      expect(result).toMatchObject({ exitCode: 4 });
      expect(result.stderr).toContain('the release is not as it was packed');
      for (const name of names) expect(result.stderr).toContain(name);
    };

    it('is reported with exactly the changed files, when a third of them have one flipped bit', async () => {
      for (const rest of [0, 1, 2]) {
        // The script must run for this; another test flips its bits.
        const some = files.filter((file, index) => index % 3 === rest && file !== 'init/bootstrap.sh');
        const refused = await during(
          () =>
            flipAll(some.map((file, index) => ({ file, place: (index % 11) / 11, mask: 1 << (index % 8) }))),
          ['install', '--host', OTHER_ADDRESS],
        );
        expectRefused(refused, []);
        expect([...refused.stderr.matchAll(/^ {2}\| (.*): FAILED$/gm)].map(([, file]) => file)).toEqual(some);
      }
      expect(await written()).toEqual([]);
    });

    it('is refused for a single flipped bit, by every command that checks it', async () => {
      const sized = await Promise.all(
        files.map(async (file) => ({ file, size: (await lstat(inRelease(file))).size })),
      );
      const bySize = sized.toSorted((a, b) => a.size - b.size).map(({ file }) => file);
      const chosen = new Set([...spread(bySize, ALONE), ...bySize.slice(-1)]);
      for (const [index, file] of [...chosen].entries()) {
        const command = CHECKED[index % CHECKED.length] ?? [];
        const refused = await during(() => flip(site, { file, place: (index % 7) / 7 }), command);
        expectRefused(refused, [file]);
      }
      expect(await written()).toEqual([]);
    });

    it('is refused when its list of checksums is changed or truncated', async () => {
      const list = inRelease('SHA256SUMS');
      const text = await readFile(list, 'utf8');
      const lines = text.split('\n');
      const half = lines.slice(0, lines.length / 2).join('\n');
      const damages = [
        '',
        half.slice(0, -20),
        `${half}\n`,
        text.slice(0, -1),
        // Others that sha256sum accepts: capital digits, a comment, another mark of the kind of file.
        text.replace(/^[0-9a-f]{64}/, (digest) => digest.toUpperCase()),
        `#${text.slice(1)}`,
        text.replace('  ', ' *'),
        lines.filter((line) => !line.endsWith(`  ${program}`)).join('\n'),
      ];
      for (const [index, damaged] of damages.entries()) {
        const refused = await during(
          async () => {
            await writeFile(list, damaged);
            return () => writeFile(list, text);
          },
          CHECKED[index % CHECKED.length] ?? [],
        );
        expectRefused(refused, ['SHA256SUMS']);
      }
      const missing = await during(() => replaced('SHA256SUMS', () => Promise.resolve()), ['install']);
      expectRefused(missing, ['SHA256SUMS']);
      expect(await written()).toEqual([]);
    });

    it('is refused for missing, added or exchanged files, and for changed permissions', async () => {
      const damages: [string, () => Promise<() => Promise<void>>][] = [
        [program, () => replaced(program, () => Promise.resolve())],
        ['manifest.json', () => replaced('manifest.json', () => Promise.resolve())],
        ['bin/python3', () => replaced('bin/python3', () => Promise.resolve())],
        ['bin/python3', () => replaced('bin/python3', (file) => symlink(path.basename(program), file))],
        ['bin/python3', () => replaced('bin/python3', (file) => symlink('/usr/bin/true', file))],
        [library, () => replaced(library, (file) => symlink(`../${program}`, file))],
        [library, () => replaced(library, (file) => writeFile(file, ''))],
        ['README', () => replaced('README', (file) => symlink(AWAY, file))],
        [program, () => withMode(program, 0o644)],
        ['README', () => withMode('README', 0o755)],
        ['lib/python3.13/site-packages/sitecustomize.py', () => added('sitecustomize.py')],
        ['lib/python3.13/site-packages/new/module.pth', () => added('new/module.pth')],
      ];
      for (const [index, [name, damage]] of damages.entries()) {
        expectRefused(await during(damage, CHECKED[index % CHECKED.length] ?? []), [name]);
      }
      expect(await written()).toEqual([]);
    });

    it('is refused, or does nothing at all, when bootstrap.sh was changed', async () => {
      const script = await readFile(inRelease('init/bootstrap.sh'), 'utf8');
      // The condition of the check, the check, and places all over the script.
      const points = ['check=yes', '= no ] ||', '|| check_bytes', '-c SHA256SUMS 2>&1 >', 'return\n'];
      const places = [
        ...points.map((point) => (script.indexOf(point) + 1) / script.length),
        ...Array.from({ length: SCRIPT_PLACES }, (_, index) => index / SCRIPT_PLACES),
      ];
      for (const place of places) {
        const refused = await during(
          () => flip(site, { file: 'init/bootstrap.sh', place, mask: 1 }),
          ['install', '--host', OTHER_ADDRESS],
        );
        expect([0, 1, 7], `at ${place}`).not.toContain(refused.exitCode);
      }
      expect(await written()).toEqual([]);
    });

    it('can still be stopped and inspected', async () => {
      await install(site, []);
      const restore = await flipAll([{ file: 'README' }, { file: license }, { file: 'SHA256SUMS' }]);
      const list = await replaced('SHA256SUMS', () => Promise.resolve());
      const status = await bootstrap(site, ['status']);
      expect(status).toMatchObject({ exitCode: 8 });
      expect(status.stderr).toMatch(/the release is damaged[^]*its SHA256SUMS is missing[^]*do: unpack/);
      expect(await bootstrap(site, ['show-config'])).toMatchObject({ exitCode: 0 });
      expect(await bootstrap(site, ['maintain'])).toMatchObject({ exitCode: 0 });
      expect(await bootstrap(site, ['--help'])).toMatchObject({ exitCode: 0 });
      expect(await bootstrap(site, ['stop'])).toMatchObject({ exitCode: 0 });
      expect(await machine.processes()).toEqual([]);
      await list();
      await restore();
      expect(await bootstrap(site, ['start'])).toMatchObject({ exitCode: 0 });
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    async function replaced(
      file: string,
      make: (absolute: string) => Promise<void>,
    ): Promise<() => Promise<void>> {
      const absolute = inRelease(file);
      const away = path.join(machine.root, AWAY);
      await rename(absolute, away);
      await make(absolute);
      return async () => {
        await rm(absolute, { force: true });
        await rename(away, absolute);
      };
    }

    async function withMode(file: string, mode: number): Promise<() => Promise<void>> {
      const absolute = inRelease(file);
      const former = (await lstat(absolute)).mode & 0o7777;
      await chmod(absolute, mode);
      return () => chmod(absolute, former);
    }

    async function added(name: string): Promise<() => Promise<void>> {
      const packages = inRelease('lib/python3.13/site-packages');
      const script = 'mkdir -p "$(dirname "$0")" && echo "import os" >"$0"';
      await shell(machine, script, path.join(packages.slice(machine.root.length), name));
      const first = name.split('/')[0] ?? name;
      return () => rm(path.join(packages, first), { recursive: true });
    }
  },
);
