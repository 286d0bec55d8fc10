import { readFile } from 'node:fs/promises';
import { isErrnoException } from '../domain/errors.ts';
import { PACKAGE_MANAGERS, type HostTool, type PackageManager } from './tools.ts';

/** `ID` and `ID_LIKE` values of os-release(5) by the package manager of the distribution. */
const DISTRIBUTIONS: Readonly<Record<PackageManager, readonly string[]>> = {
  apt: ['debian', 'ubuntu'],
  dnf: ['fedora', 'rhel', 'centos'],
  zypper: ['suse', 'opensuse', 'sles'],
};

const INSTALL: Readonly<Record<PackageManager, string>> = {
  apt: 'apt-get install',
  dnf: 'dnf install',
  zypper: 'zypper install',
};

/** The host's package manager, from the text of its os-release file; undefined if unknown. */
export function packageManagerOf(osRelease: string): PackageManager | undefined {
  const value = (key: string): string =>
    new RegExp(`^${key}=["']?([^"'\\n]*)`, 'm').exec(osRelease)?.[1] ?? '';
  const names = `${value('ID')} ${value('ID_LIKE')}`.split(/\s+/);
  return PACKAGE_MANAGERS.find((manager) => DISTRIBUTIONS[manager].some((name) => names.includes(name)));
}

/** The text of os-release; empty if missing. */
export async function readOsRelease(): Promise<string> {
  for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      if (!isErrnoException(error, 'ENOENT')) throw error;
    }
  }
  return '';
}

/** The exact commands that install the packages of `tools`: one, or one for each package manager if it is not known. */
export function installCommands(tools: readonly HostTool[], manager: PackageManager | undefined): string[] {
  const managers = manager === undefined ? PACKAGE_MANAGERS : [manager];
  return managers.map((name) => {
    const packages = [...new Set(tools.map((tool) => tool.packages[name]))].sort();
    return `${INSTALL[name]} ${packages.join(' ')}`;
  });
}
