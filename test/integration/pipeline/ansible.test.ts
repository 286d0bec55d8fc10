import path from 'node:path';
import { expect, it } from 'vitest';
import { writeCollection } from '../../../src/pipeline/ansible.ts';
import { ansible } from '../../support/ansible/ansible.ts';
import { packDemo } from '../../support/packed-release.ts';

/** Milliseconds; the first run installs Ansible. */
const TIMEOUT = 10 * 60_000;

it(
  'the collection for Ansible is clean for ansible-lint in its strictest profile',
  async () => {
    const { directory, packed } = await packDemo();
    const fleet = path.join(directory, 'fleet');
    const { written } = await writeCollection(packed.tarball, { directory: fleet });
    const linted = await ansible(
      written[0] ?? '',
      ['ansible-lint', '--offline', '--strict', '--profile', 'production', '--nocolor'],
      { ANSIBLE_COLLECTIONS_PATH: fleet, HOME: directory },
    );
    expect(linted, `${linted.stdout}\n${linted.stderr}`).toMatchObject({ exitCode: 0 });
    const examined = await ansible(fleet, ['ansible-playbook', 'ksbundle.release.deploy', '--syntax-check']);
    expect(examined, `${examined.stdout}\n${examined.stderr}`).toMatchObject({ exitCode: 0 });
  },
  TIMEOUT,
);
