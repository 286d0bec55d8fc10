import path from 'node:path';
import { repeat, time } from './measure.mjs';
import { bootstrap, freePort, run, unpack, withDirectory, withRelease } from './release.mjs';
import { watch } from './watch.mjs';

const RUNS = 5;

/** From the tarball, and from the unpacked release, to the first token. */
export async function measureInstall(tarball) {
  const unpacked = [];
  const installed = [];
  for (let round = 0; round < RUNS; round += 1) {
    await withDirectory(async (directory) => {
      const release = path.join(directory, path.basename(tarball, '.tar.gz'));
      const port = String(await freePort());
      unpacked.push(await time(() => run('tar', ['xf', tarball, '-C', directory])));
      try {
        installed.push(await time(() => bootstrap(release, '--port', port)));
      } finally {
        await bootstrap(release, 'stop').catch(() => undefined);
      }
    });
  }
  const both = unpacked.map((seconds, index) => seconds + installed[index]);
  return [
    { name: 'install to the first token', seconds: installed, goal: 10 },
    { name: 'tar xf and install to the first token', seconds: both, goal: 15 },
  ];
}

/** Every operation on an instance of one release. */
export async function measureLife(tarball) {
  return withRelease(tarball, async (release) => {
    const [port, other] = [String(await freePort()), String(await freePort())];
    const command = (...parameters) => bootstrap(release, ...parameters);
    const service = { url: `http://127.0.0.1:${port}/v3`, instance: path.join(release, 'instance') };
    const beside = (host) => ['--host', host, '--port', `${host}:${other}`, '--port', `127.0.0.1:${port}`];
    /** Installs with each of the answers in turn, while a client polls. */
    const change = async (name, variants) => {
      const rows = { whole: [], gap: [], failed: [] };
      await command(...variants.at(-1));
      for (let index = 0; index < RUNS; index += 1) {
        const answers = variants[index % variants.length];
        const seen = await watch(service, async () => {
          rows.whole.push(await time(() => command('install', ...answers)));
        });
        rows.gap.push(seen.gap);
        rows.failed.push(seen.failed);
      }
      return [
        { name, seconds: rows.whole, goal: 4 },
        { name: '  … longest time without an answer', seconds: rows.gap, goal: 2 },
        { name: '  … requests not answered', unit: 'count', seconds: rows.failed, goal: 0 },
      ];
    };

    await command('--port', `0.0.0.0:${port}`);
    const rows = [
      {
        name: 'install again, nothing changed',
        seconds: await repeat(RUNS, () => command('install')),
        goal: 2,
      },
      { name: 'plan', seconds: await repeat(RUNS, () => command('plan', '--host', '127.0.0.9')), goal: 2 },
      {
        name: 'verify: every byte, and the service',
        seconds: await repeat(RUNS, () => command('verify')),
        goal: 2,
      },
      ...(await change('another address, same listener', [
        ['--host', '127.0.0.3'],
        ['--host', '127.0.0.2'],
      ])),
      ...(await change('another address, another listener beside', [
        beside('127.0.0.3'),
        beside('127.0.0.4'),
      ])),
      ...(await change('another address, listener over the former one', [
        ['--host', '127.0.0.2', '--port', `0.0.0.0:${port}`],
        ['--host', '127.0.0.1', '--port', `127.0.0.1:${port}`],
      ])),
    ];
    const [stop, start] = [[], []];
    for (let round = 0; round < RUNS; round += 1) {
      stop.push(await time(() => command('stop')));
      start.push(await time(() => command('start')));
    }
    return [...rows, { name: 'stop', seconds: stop }, { name: 'start', seconds: start }];
  });
}

/** An upgrade, and its interruption as a client sees it. */
export async function measureUpgrade(tarball, earlier) {
  const [whole, gap] = [[], []];
  for (let round = 0; round < 3; round += 1) {
    await withRelease(tarball, async (release) => {
      const old = await unpack(earlier, path.dirname(release));
      const port = String(await freePort());
      await bootstrap(old, '--port', port);
      const service = { url: `http://127.0.0.1:${port}/v3`, instance: path.join(old, 'instance') };
      const seen = await watch(service, async () => {
        whole.push(await time(() => bootstrap(release, 'upgrade', '--from', old)));
      });
      gap.push(seen.gap);
    });
  }
  return [
    { name: 'upgrade from the earlier release', seconds: whole },
    { name: '  … longest time without an answer', seconds: gap },
  ];
}
