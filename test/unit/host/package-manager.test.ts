import { expect, it } from 'vitest';
import { installCommands, packageManagerOf } from '../../../src/host/package-manager.ts';
import { HOST_TOOLS } from '../../../src/host/tools.ts';

it.each([
  ['PRETTY_NAME="Debian GNU/Linux 12"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n', 'apt'],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt'],
  ['ID=fedora\n', 'dnf'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'dnf'],
  ['ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', 'zypper'],
  ["ID='sles'\n", 'zypper'],
  ['ID=alpine\n', undefined],
  ['VARIANT_ID=debian\n', undefined],
  ['', undefined],
])('%j has %s', (osRelease, manager) => {
  expect(packageManagerOf(osRelease)).toBe(manager);
});

it('names each package once, sorted, for the manager or for all three', () => {
  const tools = HOST_TOOLS.filter(({ name }) => ['xz', 'perl', 'cat', 'ls'].includes(name));
  expect(installCommands(tools, 'dnf')).toEqual(['dnf install coreutils perl-core xz']);
  expect(installCommands(tools, undefined)).toEqual([
    'apt-get install coreutils perl xz-utils',
    'dnf install coreutils perl-core xz',
    'zypper install coreutils perl xz',
  ]);
});

it('the registry names each tool once', () => {
  const names = HOST_TOOLS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
