import { mkdtemp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { auditTree } from '../../src/audit/audit.ts';
import { toolchainKey } from '../../src/build/key.ts';
import { PLACEHOLDER_PREFIX, PLACEHOLDER_RPATH } from '../../src/domain/layout.ts';
import { parsePlatform } from '../../src/domain/platform.ts';
import { unpackArchive } from '../../src/io/archive.ts';
import { exists, removeTree } from '../../src/io/files.ts';
import { packageRoot } from '../../src/io/package-info.ts';
import { buildArchitecture } from '../../src/pipeline/build-architecture.ts';
import { relocateTree } from '../../src/relocate/tree.ts';
import { loadRecipes } from '../../src/recipe/load.ts';
import { projectAt } from '../support/projects.ts';
import { makeComponent } from '../support/releases.ts';
import { base, buildApart } from './support/build-apart.ts';

const buildArch = buildArchitecture();
const [machine, name] =
  buildArch === 'x86_64' ? [183, 'aarch64-linux-gnu.2.17'] : [62, 'x86_64-linux-gnu.2.17'];
const platform = parsePlatform(name);
if (platform === undefined) throw new TypeError(name);
const ROOT = packageRoot();
const set = await loadRecipes(projectAt(ROOT), platform, buildArch);
const there = await exists(path.join(base, 'toolchains', toolchainKey(set.toolchain, buildArch), 'ready'));

const script = (name_: string, text: string) => ({
  name: name_,
  command: { kind: 'script' as const, script: text },
  directory: '.',
  environment: {},
});

/** A program for the build machine that a step of `number` runs. */
const SPEAKER = makeComponent('speaker', {
  ship: ['bin/*'],
  steps: [
    script(
      'build',
      `echo 'int puts(const char *); int main(void) { return puts("#define WORD \\"spoken\\"") < 0; }' > speak.c
mkdir -p "\${dest}\${prefix}/bin"
cc speak.c -o "\${dest}\${prefix}/bin/speak"`,
    ),
  ],
});

/** A library and a program that need what two programs write while they are built. */
const NUMBER = makeComponent('number', {
  ship: ['bin/*', 'lib/*'],
  tools: ['speaker'],
  steps: [
    script(
      'build',
      `echo 'int printf(const char *, ...); int main(void) { return printf("#define NUMBER %d", (int)sizeof(long double)) < 0; }' > generate.c
build-cc generate.c -o generate
./generate > generated.h
speak > spoken.h
cat > number.c << 'END'
#include <sys/epoll.h>
#include <unistd.h>
#include "generated.h"
#include "spoken.h"
const char *word(void) { return WORD; }
int number(void) { return NUMBER + epoll_create1(0) + (int)getpid(); }
END
echo 'int number(void); int main(void) { return number(); }' > main.c
mkdir -p "\${dest}\${prefix}/bin" "\${dest}\${prefix}/lib"
cc -fPIC -shared -Wl,-soname,libnumber.so number.c -o "\${dest}\${prefix}/lib/libnumber.so"
cc main.c -o "\${dest}\${prefix}/bin/number" -L"\${dest}\${prefix}/lib" -lnumber`,
    ),
  ],
});

describe.skipIf(!there)(
  `a component for another architecture${there ? '' : ' (the store has no toolchain: run ksbundle build first)'}`,
  () => {
    it('is built with programs that run here, and passes the audit of its platform', async () => {
      const temporary = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-cross-'));
      onTestFinished(() => removeTree(temporary));
      const named = new Map([SPEAKER, NUMBER].map((component) => [component.name, component]));
      const artifact = await buildApart('number', {
        set: { ...set, components: named, native: named },
        platform,
        directory: temporary,
      });
      const release = path.join(temporary, 'release');
      await unpackArchive(artifact, release);
      await relocateTree(release, { buildDirectories: [base] });
      const report = await auditTree(release, {
        platform,
        forbidden: [{ label: 'cache', bytes: Buffer.from(base) }],
        placeholders: [PLACEHOLDER_PREFIX, PLACEHOLDER_RPATH].map((label) => ({
          label,
          bytes: Buffer.from(label),
        })),
        exceptions: [],
        expected: ['bin/number', 'lib/libnumber.so'],
        hosts: [],
      });
      expect(report.findings).toEqual([]);
      const library = await readFile(path.join(release, 'lib/libnumber.so'));
      expect(library.readUInt16LE(18)).toBe(machine);
      expect(library.includes('spoken')).toBe(true);
    });
  },
);
