import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, type RunResult } from '../../src/io/process.ts';
import { earlierTarball, tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';
import { debianRoot } from './support/debian-root.ts';
import { layoutOf, startPodman, type Podman } from './support/podman.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';

/* Making and unpacking two images takes a minute of processor time. */
const lacking = exhaustive
  ? await whyNoMachines(['podman', 'skopeo', 'crun'])
  : 'only by npm run test:exhaustive';

/** What the page for operators promises to be enough. */
const CLOSED =
  '--cap-drop all --read-only --read-only-tmpfs=false --network none --cgroups disabled --volume kept:/var/lib/keystone'.split(
    ' ',
  );
const IMAGE = 'keystone:30.0.0-1';
const FORMER = 'keystone:29.1.0-1';
const INSTANCE = '/var/lib/keystone/instance';

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `a release as a container image${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let engine: Podman;
    let directory: string;
    let digest: string;
    const archive = (): string => path.join(directory, 'image.tar');

    beforeAll(async () => {
      directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-image-'));
      engine = await startPodman();
      await layoutOf(await debianRoot('bookworm'), path.join(directory, 'base'));
      digest = await makeImage(tarball(), 'image.tar');
      await engine.succeed('pull', `oci-archive:${archive()}:${IMAGE}`);
      return async () => {
        await engine.destroy();
        await rm(directory, { recursive: true, force: true });
      };
    });

    const makeImage = async (file: string, name: string): Promise<string> => {
      const argv = ['oci', file, '--base', path.join(directory, 'base'), '--out', path.join(directory, name)];
      const { exitCode, stdout, stderr } = await ksbundle([...argv, '--json']);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      return (JSON.parse(stdout) as { digest: string }).digest;
    };
    const inside = (script: string): Promise<RunResult> => engine.podman('exec', 'one', 'sh', '-c', script);
    const succeedInside = async (script: string): Promise<string> =>
      engine.succeed('exec', 'one', 'sh', '-c', script);
    const ask = `. ${INSTANCE}/admin-openrc.sh && bin/openstack token issue -f value -c user_id`;
    const serves = async (): Promise<string> => {
      for (const deadline = Date.now() + 120_000; ; await sleep(500)) {
        const { exitCode, stdout, stderr } = await inside('init/bootstrap.sh status');
        if (exitCode === 0) return stdout;
        if (Date.now() > deadline) throw new Error(`${stderr}\n${await logs()}`);
      }
    };
    const logs = async (): Promise<string> => {
      const { stdout, stderr } = await engine.podman('logs', 'one');
      return `${stdout}\n${stderr}`;
    };
    const start = async (image = IMAGE): Promise<void> => {
      await engine.succeed('run', '--detach', '--name', 'one', ...CLOSED, image);
      await serves();
    };
    const stop = async (): Promise<{ exitCode: string; logs: string }> => {
      await engine.succeed('stop', '--time', '30', 'one');
      const exitCode = (await engine.succeed('inspect', 'one', '--format', '{{.State.ExitCode}}')).trim();
      const printed = await logs();
      await engine.succeed('rm', 'one');
      return { exitCode, logs: printed };
    };

    it('is read and copied by skopeo, with the digest that ksbundle printed', async () => {
      const copy = `oci:${path.join(directory, 'copy')}:kept`;
      const copied = await run(['skopeo', 'copy', `oci-archive:${archive()}:${IMAGE}`, copy]);
      expect(copied).toMatchObject({ exitCode: 0 });
      const { stdout } = await run(['skopeo', 'inspect', copy]);
      expect(JSON.parse(stdout)).toMatchObject({ Digest: digest, Architecture: 'amd64' });
    });

    it('serves without rights, on a read-only root, and issues a token', async () => {
      await start();
      expect(await succeedInside(ask)).toMatch(/^[0-9a-f]{32}$/mu);
      expect(await succeedInside('id -u')).toContain('65534');
      expect((await inside('touch /opt/keystone/x')).stderr).toContain('Read-only file system');
      expect(await inside('init/bootstrap.sh verify')).toMatchObject({ exitCode: 0 });
      expect(await logs()).toContain('"GET /v3');
    });

    it('reaps orphans as PID 1, and starts a daemon that dies again', async () => {
      await succeedInside('(sleep 0.3 &)');
      await succeedInside('init/bootstrap.sh status');
      await sleep(2500);
      expect((await inside('grep -l "^State:.Z" /proc/[0-9]*/status')).stdout).toBe('');
      await succeedInside(
        `for f in /proc/[0-9]*; do if [ "$(cat $f/comm)" = memcached ]; then kill -9 "\${f#/proc/}"; fi; done`,
      );
      while (!(await logs()).includes('memcached: it was ended by SIGKILL')) await sleep(200);
      expect(await serves()).toContain('all is well');
    });

    it('refuses a second container on the same volume', async () => {
      const second = await engine.podman('run', '--rm', ...CLOSED, IMAGE);
      expect(second).toMatchObject({ exitCode: 5 });
      expect(second.stderr).toContain('already runs in the foreground');
    });

    it('stops on SIGTERM, and serves again with the same volume', async () => {
      const user = await succeedInside(ask);
      const stopped = await stop();
      expect(stopped).toMatchObject({ exitCode: '0' });
      expect(stopped.logs).toContain('SIGTERM: the service is stopped');
      await start();
      expect(await succeedInside(ask)).toBe(user);
      expect(await stop()).toMatchObject({ exitCode: '0' });
    });

    it('refuses to be root without the right to see its daemons', async () => {
      const refused = await engine.podman(
        'run',
        '--rm',
        '--user',
        '0',
        '--network',
        'none',
        '--cgroups',
        'disabled',
        IMAGE,
      );
      expect(refused).toMatchObject({ exitCode: 3 });
      expect(refused.stderr).toContain('CAP_SYS_PTRACE');
    });

    it('takes over the volume of an older version only with that version', async () => {
      await makeImage(earlierTarball(), 'former.tar');
      await engine.succeed('pull', `oci-archive:${path.join(directory, 'former.tar')}:${FORMER}`);
      await engine.succeed('volume', 'rm', 'kept');
      await start(FORMER);
      await stop();
      const refused = await engine.podman('run', '--rm', ...CLOSED, IMAGE);
      expect(refused).toMatchObject({ exitCode: 3 });
      expect(refused.stderr).toContain('upgrade --from');
      const mount = ['--mount', `type=image,source=${FORMER},destination=/mnt`];
      const former = '/mnt/opt/keystone';
      const script = `${former}/init/bootstrap.sh install && init/bootstrap.sh upgrade --from ${former}`;
      await engine.succeed('run', '--rm', ...CLOSED, ...mount, '--entrypoint', 'sh', IMAGE, '-c', script);
      await start();
      expect(await succeedInside('init/bootstrap.sh status')).toContain('keystone 30.0.0-1');
      await stop();
    });
  },
);
