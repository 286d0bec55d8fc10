import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exists, removeTree } from '../../../src/io/files.ts';
import { withLock } from '../../../src/io/lock.ts';
import { run } from '../../../src/io/process.ts';
import { debianRoot } from './debian-root.ts';
import { testCache } from './test-cache.ts';

/** The image of a virtual machine. */
export interface Image {
  readonly kernel: string;
  /** An ext4 file system with systemd, and with SELinux's policy and labels; read-only. */
  readonly disk: string;
}

const SUITE = 'bookworm';
const PACKAGES = [
  'apparmor',
  'dbus',
  'iproute2',
  'policycoreutils-python-utils',
  'procps',
  'selinux-policy-default',
  'systemd',
  'systemd-sysv',
];
const SIZE = '4G';

const AGENT = path.join(import.meta.dirname, 'virtual-machine-agent.sh');
/** A shell like an administrator's; its context matters under SELinux. */
const AGENT_UNIT = `[Unit]
Description=Runs what the tests send

[Service]
ExecStart=/bin/sh /usr/local/sbin/test-agent
SELinuxContext=-unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023

[Install]
WantedBy=multi-user.target
`;

/** Units without use in a machine without devices, network and users. */
const MASKED = [
  'apt-daily-upgrade.timer',
  'apt-daily.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty@tty1.service',
  'serial-getty@ttyS0.service',
  'systemd-timesyncd.service',
  'systemd-udev-trigger.service',
  'systemd-udevd.service',
];

/**
 * Makes Debian's policy as strict as Fedora's: systemd may execute only files with a program's label, not, as in
 * Debian, every file. It removes one attribute; see semodule(8) for priorities.
 */
const POLICY = `
membership='(typeattributeset files_unconfined_type (init_t ))'
semodule --cil --extract base
grep -qF "$membership" base.cil
grep -vF "$membership" base.cil >stricter
mv stricter base.cil
semodule --noreload --priority 400 --install base.cil
rm base.cil
`;

/**
 * Commands that finish the system, run in it. The kernel is only unpacked: its drivers for booting are built in (NVMe,
 * ext4), so there are no modules and no initial RAM disk.
 */
const FINISH = `
set -eu
mount -t proc proc /proc
apt-get update -qq
kernel=$(apt-cache depends --important linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p')
cd /var/tmp
${POLICY}
apt-get download -qq "$kernel"
dpkg-deb --fsys-tarfile linux-image-*.deb | tar -xf - --strip-components=2 --wildcards './boot/vmlinuz-*'
mv vmlinuz-* /boot/vmlinuz
rm -rf linux-image-*.deb /var/cache/apt/archives/*.deb
useradd --system --shell /usr/sbin/nologin keystone
systemctl mask ${MASKED.join(' ')}
systemctl enable test-agent.service
: >/etc/fstab
setfiles -m -F /etc/selinux/default/contexts/files/file_contexts /
`;

/** The image, made once from a separate Debian system and its kernel package. */
export async function virtualMachineImage(): Promise<Image> {
  const facts = [SUITE, ...PACKAGES, SIZE, AGENT_UNIT, FINISH, await readFile(AGENT, 'utf8')];
  const digest = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 16);
  const directory = path.join(testCache(), `virtual-machine-${digest}`);
  await withLock(`${directory}.lock`, async () => {
    if (await exists(directory)) return;
    await removeFormer();
    const unfinished = `${directory}.unfinished`;
    await removeTree(unfinished);
    await mkdir(unfinished, { recursive: true });
    await makeImage(unfinished);
    await rename(unfinished, directory);
  });
  return imageIn(directory);
}

function imageIn(directory: string): Image {
  return { kernel: path.join(directory, 'vmlinuz'), disk: path.join(directory, 'disk') };
}

async function removeFormer(): Promise<void> {
  for (const name of await readdir(testCache())) {
    if (/^virtual-machine-[0-9a-f]+(?:\.unfinished)?$/.test(name))
      await removeTree(path.join(testCache(), name));
  }
}

async function makeImage(directory: string): Promise<void> {
  const root = path.join(directory, 'root');
  await expectSuccess(['cp', '-a', '--reflink=auto', await debianRoot(SUITE, PACKAGES), root]);
  const agent = path.join(root, 'usr/local/sbin/test-agent');
  await copyFile(AGENT, agent);
  await chmod(agent, 0o755);
  await writeFile(path.join(root, 'etc/systemd/system/test-agent.service'), AGENT_UNIT);
  await expectSuccess(['unshare', '--mount', '--fork', 'chroot', root, 'sh', '-c', FINISH]);
  const { kernel, disk } = imageIn(directory);
  await rename(path.join(root, 'boot/vmlinuz'), kernel);
  await expectSuccess(['mke2fs', '-q', '-t', 'ext4', '-m', '0', '-d', root, disk, SIZE]);
  await rm(root, { recursive: true });
}

async function expectSuccess(argv: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await run(argv);
  if (exitCode !== 0)
    throw new Error(`${argv[0]} ended with ${exitCode}:\n${`${stdout}\n${stderr}`.slice(-2000)}`);
}
