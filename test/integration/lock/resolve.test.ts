import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KsbundleError, type ErrorFacts } from '../../../src/domain/errors.ts';
import type { Lockfile, WheelFile } from '../../../src/domain/lock.ts';
import type { SkippedVersion } from '../../../src/domain/results.ts';
import { readAttestations } from '../../../src/fetch/attestations.ts';
import { createHttpClient } from '../../../src/io/http.ts';
import { requireCurrentLock } from '../../../src/lock/check.ts';
import { formatLockfile, parseLockfile } from '../../../src/lock/lockfile.ts';
import type { ResolveOptions } from '../../../src/lock/choose.ts';
import { resolveLock } from '../../../src/lock/resolve.ts';
import { componentOf, withConstraints, type TargetParts } from '../../fixtures/lock-target.ts';
import { servePythonIndex, type Offer, type PythonIndex } from '../../fixtures/python-index.ts';
import { findPythonDirectory, findUv } from '../../fixtures/uv.ts';

const ROOT = await mkdtemp(path.join(tmpdir(), 'ksb-resolve-'));
const UV = await findUv(path.join(ROOT, 'uv'));
const PYTHON = await findPythonDirectory();
if ('why' in UV) console.warn(`SKIPPED: resolving is not tested, because uv is not there: ${UV.why}`);

const OFFERS: readonly Offer[] = [
  {
    name: 'app',
    version: '1.0',
    tags: 'py3-none-any',
    requires: ['Lib>=1', 'fast', 'native>=1', 'win; sys_platform == "win32"', 'old; python_version < "3.10"'],
  },
  { name: 'lib', version: '1.0', tags: 'py3-none-any' },
  { name: 'lib', version: '2.0', tags: 'py3-none-any', requires: ['heavy'] },
  { name: 'lib', version: '3.0', tags: 'py3-none-any', requires: ['heavy'] },
  { name: 'heavy', version: '1.0', tags: 'py3-none-any' },
  { name: 'fast', version: '1.0', tags: 'py3-none-any' },
  { name: 'fast', version: '1.0', tags: 'cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64' },
  { name: 'fast', version: '1.0', tags: 'cp313-cp313-manylinux_2_28_x86_64' },
  { name: 'fast', version: '1.0', tags: 'cp312-cp312-manylinux2014_x86_64' },
  { name: 'fast', version: '1.0', tags: 'cp313-cp313-manylinux2014_aarch64' },
  { name: 'native', version: '1.5', tags: 'cp313-cp313-manylinux_2_24_x86_64', requires: ['lib'] },
  { name: 'native', version: '1.5', requires: ['lib'] },
  { name: 'native', version: '1.4', tags: 'cp313-cp313-manylinux2014_x86_64' },
  { name: 'dynamic', version: '1.0', metadataVersion: '2.1' },
  { name: 'picky', version: '1.0', tags: 'py3-none-any', requires: ['lib<2'] },
];

const NATIVE = componentOf('native', '1.5', { distributions: ['Native'] });
const CONSTRAINTS = '# pins\nLib===2.0\nnative===1.5\n';

let index: PythonIndex;
let directory: string;
let fetched: WheelFile[];
let run = 0;

beforeAll(async () => {
  index = await servePythonIndex(OFFERS);
});
beforeEach(async () => {
  vi.stubEnv('PATH', PYTHON ?? process.env['PATH']);
  fetched = [];
  run += 1;
  directory = await mkdtemp(path.join(ROOT, `${run}-`));
});
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await index.close();
  await rm(ROOT, { recursive: true, force: true });
});

interface Case extends TargetParts {
  readonly constraints?: string;
  readonly previous?: Lockfile;
  readonly upgrade?: readonly string[];
  readonly indexes?: readonly string[];
}

async function optionsOf({
  constraints = CONSTRAINTS,
  previous,
  upgrade,
  indexes,
  ...parts
}: Case): Promise<ResolveOptions> {
  const target = await withConstraints(directory, constraints, { components: [NATIVE], ...parts });
  return {
    ...target,
    uv: {
      executable: () => Promise.resolve('executable' in UV ? UV.executable : ''),
      cacheDirectory: path.join(ROOT, 'cache'),
      indexes: indexes ?? [index.url],
    },
    workDirectory: path.join(directory, 'work'),
    fetchWheels: async (wheels) => {
      fetched.push(...wheels);
      return wheels.map(({ file, sha256 }) => {
        const found = index.files.get(file);
        expect(found?.sha256).toBe(sha256);
        return { size: found?.bytes.length ?? 0 };
      });
    },
    ...(previous === undefined ? {} : { previous }),
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}

async function resolve(parts: Case = {}): Promise<Lockfile> {
  return resolveLock(await optionsOf(parts));
}

async function failure(parts: Case): Promise<ErrorFacts> {
  try {
    await resolve(parts);
  } catch (error) {
    if (error instanceof KsbundleError) return error.facts;
    throw error;
  }
  throw new Error('resolved');
}

function pinsOf(lock: Lockfile): string[] {
  return lock.wheels.map(({ name, version }) => `${name} ${version}`);
}

describe.skipIf('why' in UV)('resolveLock', () => {
  it("takes the constraints' versions, picks wheels by the floor, and leaves built distributions to components", async () => {
    const lock = await resolve();
    expect(
      lock.wheels.map(({ name, version, file, requires }) => ({ name, version, file, requires })),
    ).toEqual([
      { name: 'app', version: '1.0', file: 'app-1.0-py3-none-any.whl', requires: ['fast', 'lib', 'native'] },
      {
        name: 'fast',
        version: '1.0',
        file: 'fast-1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
        requires: [],
      },
      { name: 'heavy', version: '1.0', file: 'heavy-1.0-py3-none-any.whl', requires: [] },
      { name: 'lib', version: '2.0', file: 'lib-2.0-py3-none-any.whl', requires: ['heavy'] },
    ]);
    expect(lock.built).toEqual([{ name: 'native', version: '1.5', component: 'native', requires: ['lib'] }]);
    for (const { file, size, sha256 } of lock.wheels) {
      expect(index.files.get(file)).toMatchObject({
        sha256,
        bytes: expect.objectContaining({ length: size }),
      });
    }
  });

  it('writes the same again, without a host, current, and leaves nothing behind', async () => {
    const lock = await resolve();
    const text = formatLockfile(lock);
    expect(formatLockfile(await resolve())).toBe(text);
    expect(text).not.toMatch(/:\/\/|127\.0\.0\.1/);
    requireCurrentLock(lock, 'demo.json', await optionsOf({}));
    expect(parseLockfile(text, 'demo.json')).toEqual(lock);
    expect(await readdir(path.join(directory, 'work'))).toEqual([]);
  });

  it('serves other floors and architectures', async () => {
    const components = [componentOf('other', '1')];
    const constraints = 'native===1.5';
    expect(pinsOf(await resolve({ platform: 'x86_64-linux-gnu.2.28', components, constraints }))).toContain(
      'native 1.5',
    );
    const arm = await resolve({ platform: 'aarch64-linux-gnu.2.17' });
    expect(arm.wheels.map(({ file }) => file)).toContain('fast-1.0-cp313-cp313-manylinux2014_aarch64.whl');
  });

  it('refuses a floor below those that uv supports', async () => {
    expect(await failure({ platform: 'x86_64-linux-gnu.2.12' })).toMatchObject({
      code: 'KSB_LOCK_FLOOR',
      exitCode: 2,
    });
  });

  it('lets an override depart from a constraint', async () => {
    const overrides = [
      { distribution: 'LIB', version: '3.0', reason: 'newer', test: 't', date: '2026-11-29' },
    ];
    expect(pinsOf(await resolve({ python: { overrides } }))).toContain('lib 3.0');
  });

  it('leaves out excluded distributions, and those that only they require', async () => {
    const lock = await resolve({ python: { excludes: [{ distribution: 'Lib', reason: 'unused' }] } });
    expect(pinsOf(lock)).toEqual(['app 1.0', 'fast 1.0']);
    expect(lock.wheels[0]?.requires).toEqual(['fast', 'native']);
  });

  it('keeps locked versions until an upgrade', async () => {
    const constraints = 'native===1.5';
    const previous = await resolve({
      constraints,
      python: {
        overrides: [{ distribution: 'lib', version: '2.0', reason: 'old', test: 't', date: '2026-11-29' }],
      },
    });
    expect(pinsOf(await resolve({ constraints, previous }))).toContain('lib 2.0');
    expect(pinsOf(await resolve({ constraints, previous, upgrade: ['heavy'] }))).toContain('lib 2.0');
    expect(pinsOf(await resolve({ constraints, previous, upgrade: ['Lib'] }))).toContain('lib 3.0');
    expect(pinsOf(await resolve({ constraints, previous, upgrade: [] }))).toContain('lib 3.0');
  });

  describe('an upgrade with a minimum age', () => {
    const CUTOFF = new Date('2026-11-22T00:00:00Z');
    const offers: readonly Offer[] = [
      { name: 'lib', version: '1.0', tags: 'py3-none-any', uploaded: '2026-01-01T00:00:00Z' },
      { name: 'lib', version: '2.0', tags: 'py3-none-any', uploaded: '2026-10-01T00:00:00Z' },
      { name: 'lib', version: '3.0', tags: 'py3-none-any', uploaded: '2026-11-23T00:00:00Z' },
      { name: 'lib', version: '4.0', tags: 'py3-none-any', uploaded: '2026-11-28T00:00:00Z' },
      {
        name: 'user',
        version: '1.0',
        tags: 'py3-none-any',
        requires: ['lib'],
        uploaded: '2026-01-01T00:00:00Z',
      },
      {
        name: 'user',
        version: '2.0',
        tags: 'py3-none-any',
        requires: ['lib<2'],
        uploaded: '2026-01-02T00:00:00Z',
      },
      {
        name: 'user',
        version: '3.0',
        tags: 'py3-none-any',
        requires: ['lib'],
        uploaded: '2026-11-28T00:00:00Z',
      },
    ];
    const python = { requirements: ['lib'] };
    let aged: PythonIndex;

    beforeAll(async () => {
      aged = await servePythonIndex(offers);
    });
    afterAll(() => aged.close());

    async function upgradeFrom(
      version: string,
      constraints = '',
      requirements = python.requirements,
    ): Promise<[string[], SkippedVersion[]]> {
      const common = { components: [], python: { requirements }, indexes: [aged.url] };
      const fetchWheels = async (wheels: readonly WheelFile[]) => wheels.map(() => ({ size: 1 }));
      const first = await optionsOf({ ...common, constraints: `lib===${version}\nuser===1.0\n` });
      const previous = await resolveLock({ ...first, fetchWheels });
      const skipped: SkippedVersion[] = [];
      const age = { cutoff: CUTOFF, skip: (each: SkippedVersion) => skipped.push(each) };
      const options = await optionsOf({ ...common, constraints, previous, upgrade: [] });
      return [pinsOf(await resolveLock({ ...options, fetchWheels, age })), skipped];
    }

    it('takes the newest version that is old enough, and reports what it skipped', async () => {
      const [pins, skipped] = await upgradeFrom('1.0');
      expect(pins).toEqual(['lib 2.0']);
      expect(skipped).toEqual([{ name: 'lib', version: '4.0', uploaded: '2026-11-28T00:00:00.000Z' }]);
    });

    it('keeps a locked version that is too young as well, and reports it', async () => {
      const [pins, skipped] = await upgradeFrom('3.0');
      expect(pins).toEqual(['lib 3.0']);
      expect(skipped).toEqual([
        { name: 'lib', version: '4.0', uploaded: '2026-11-28T00:00:00.000Z', kept: '3.0' },
      ]);
    });

    it('downgrades nothing else because of a skipped version', async () => {
      // user 2.0 is the newest that is old enough, and requires a lib older than the locked one.
      const [pins, skipped] = await upgradeFrom('2.0', '', ['user']);
      expect(pins).toEqual(['lib 2.0', 'user 1.0']);
      expect(skipped.map(({ name, version }) => `${name} ${version}`)).toEqual(['lib 4.0', 'user 3.0']);
    });

    it('refuses a pin on a version that is too young, and accepts a locked one', async () => {
      await expect(upgradeFrom('1.0', 'lib===4.0\n')).rejects.toMatchObject({
        facts: { code: 'KSB_LOCK_TOO_YOUNG' },
      });
      expect(await upgradeFrom('4.0', 'lib===4.0\n')).toEqual([['lib 4.0'], []]);
    });

    it('refuses an index without upload times', async () => {
      const options = await optionsOf({ upgrade: [] });
      const age = { cutoff: CUTOFF, skip: () => undefined };
      await expect(resolveLock({ ...options, age })).rejects.toMatchObject({
        facts: { code: 'KSB_LOCK_AGE_UNKNOWN' },
      });
    });
  });

  describe("an upgrade checks publishers' attestations", () => {
    const wheel = { tags: 'py3-none-any' } as const;
    const offers: readonly Offer[] = [
      { name: 'lost', version: '1.0', ...wheel, attested: true },
      { name: 'lost', version: '2.0', ...wheel, attested: false },
      { name: 'held', version: '1.0', ...wheel, attested: true },
      { name: 'held', version: '2.0', ...wheel, attested: true },
      { name: 'never', version: '1.0', ...wheel, attested: false },
      { name: 'never', version: '2.0', ...wheel, attested: false },
    ];

    const http = createHttpClient();
    afterAll(() => http.close());

    async function upgrade(
      names: readonly string[],
      from: readonly Offer[] = offers,
    ): Promise<[string[], string[]]> {
      const served = await servePythonIndex(from);
      try {
        const common = { components: [], python: { requirements: names }, indexes: [served.url] };
        const fetchWheels = async (wheels: readonly WheelFile[]) => wheels.map(() => ({ size: 1 }));
        const constraints = names.map((name) => `${name}===1.0\n`).join('');
        const previous = await resolveLock({
          ...(await optionsOf({ ...common, constraints })),
          fetchWheels,
        });
        const network = {
          http,
          debianMirrors: async () => [],
          pythonIndexes: async () => ({ indexes: [served.url], findLinks: [] }),
        };
        const uncompared: string[] = [];
        const attestations = {
          read: (name: string) => readAttestations(name, { network, signal: undefined }),
          skip: (name: string) => uncompared.push(name),
        };
        const options = await optionsOf({ ...common, constraints: '', previous, upgrade: [] });
        return [pinsOf(await resolveLock({ ...options, fetchWheels, attestations })), uncompared];
      } finally {
        await served.close();
      }
    }

    it('accepts a version that is attested like the former one', async () => {
      expect(await upgrade(['held', 'never'])).toEqual([['held 2.0', 'never 2.0'], []]);
    });

    it('refuses a version that is no longer attested, with its files', async () => {
      await expect(upgrade(['held', 'lost'])).rejects.toMatchObject({
        facts: {
          code: 'KSB_LOCK_ATTESTATION_GONE',
          exitCode: 1,
          problems: [
            {
              message:
                "lost-1.0-py3-none-any.whl has its publisher's attestation, but lost-2.0-py3-none-any.whl has none",
            },
          ],
        },
      });
    });

    it('names distributions whose attestations the index does not list', async () => {
      const silent = offers.map(({ name, version }) => ({ name, version, ...wheel }));
      expect(await upgrade(['lost'], silent)).toEqual([['lost 2.0'], ['lost']]);
    });
  });

  it('fetches only wheels whose size is not locked yet', async () => {
    const previous = await resolve();
    expect(fetched).toHaveLength(4);
    fetched = [];
    const lock = await resolve({
      previous,
      python: {
        overrides: [{ distribution: 'lib', version: '3.0', reason: 'r', test: 't', date: '2026-11-29' }],
      },
    });
    expect(fetched.map(({ file }) => file)).toEqual(['lib-3.0-py3-none-any.whl']);
    expect(lock.wheels.every(({ size }) => size > 0)).toBe(true);
  });

  it('reports a component that builds another version than the resolved one', async () => {
    const facts = await failure({
      components: [componentOf('native', '1.4', { distributions: ['native'] })],
    });
    expect(facts).toMatchObject({ code: 'KSB_LOCK_BUILT_VERSION', exitCode: 1 });
    expect(facts.problems).toEqual([
      expect.objectContaining({
        message: 'component native builds native 1.4, but 1.5 was resolved',
        place: { file: '/recipes/native/recipe.toml' },
      }),
    ]);
  });

  it('explains a pin that has no wheel at the floor', async () => {
    const facts = await failure({ components: [] });
    expect(facts).toMatchObject({
      code: 'KSB_LOCK_CONFLICT',
      exitCode: 1,
      message: 'the Python requirements of demo cannot be met together on x86_64-linux-gnu.2.17',
      place: { file: '/recipes/demo/bundle.toml' },
      hint: 'add a [[python.override]] for native to demo/bundle.toml with a version that has such a wheel, or a component that builds it',
    });
    expect(facts.details).toMatchInlineSnapshot(`
      [
        "demo (this bundle) requires app==1.0",
        "every version of app requires native==1.5",
        "native==1.5 has no wheel for CPython 3.13.15 on x86_64-linux-gnu.2.17",
        "constraints.txt:3 pins native===1.5",
      ]
    `);
  });

  it('explains conflicting requirements', async () => {
    const facts = await failure({
      constraints: '',
      python: { requirements: ['app==1.0', 'picky', 'lib>=2'] },
    });
    expect(facts.code).toBe('KSB_LOCK_CONFLICT');
    expect(facts.details).toMatchInlineSnapshot(`
      [
        "demo (this bundle) requires lib>=2",
        "demo (this bundle) requires picky",
        "every version of picky requires lib<2",
      ]
    `);
  });

  it('explains a constraint and an override that conflict', async () => {
    const python = {
      requirements: ['picky'],
      overrides: [
        { distribution: 'picky', version: '9', reason: 'wished for', test: 't', date: '2026-11-29' },
      ],
    };
    expect((await failure({ components: [], python: { requirements: ['picky'] } })).details)
      .toMatchInlineSnapshot(`
      [
        "demo (this bundle) requires picky",
        "the pins allow only lib==2.0",
        "every version of picky requires lib<2",
        "constraints.txt:2 pins Lib===2.0",
      ]
    `);
    expect((await failure({ components: [], python })).details).toMatchInlineSnapshot(`
      [
        "demo (this bundle) requires picky==9",
        "there is no version of picky==9",
        "the recipe overrides picky to 9: wished for",
      ]
    `);
  });

  it('explains a name that is not on the index', async () => {
    const facts = await failure({ python: { requirements: ['ap'] } });
    expect(facts.code).toBe('KSB_LOCK_CONFLICT');
    expect(facts.details).toMatchInlineSnapshot(`
      [
        "demo (this bundle) requires ap",
        "the Python index has no ap",
      ]
    `);
  });

  it('runs no build to learn what a source requires', async () => {
    const components = [componentOf('dynamic', '1.0', { distributions: ['dynamic'] })];
    expect(await failure({ python: { requirements: ['fast'] }, components })).toMatchObject({
      code: 'KSB_LOCK_METADATA',
      exitCode: 1,
    });
  });

  it('reports an index that does not answer, without its password', async () => {
    vi.stubEnv('UV_HTTP_RETRIES', '0');
    const facts = await failure({
      indexes: ['http://user:hunter2@127.0.0.1:9/simple'],
      python: { requirements: ['unseen'] },
    });
    expect(facts).toMatchObject({ code: 'KSB_LOCK_INDEX', exitCode: 1 });
    expect(JSON.stringify(facts)).not.toContain('hunter2');
  });

  it('reports a uv that cannot be started', async () => {
    const options = await optionsOf({});
    const uv = { ...options.uv, executable: () => Promise.resolve(path.join(directory, 'none')) };
    await expect(resolveLock({ ...options, uv })).rejects.toMatchObject({
      facts: { code: 'KSB_LOCK_UV', exitCode: 1 },
    });
  });

  it('stops when it is aborted', async () => {
    const options = await optionsOf({});
    const signal = AbortSignal.abort();
    await expect(resolveLock({ ...options, uv: { ...options.uv, signal } })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});
