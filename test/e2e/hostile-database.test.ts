import path from 'node:path';
import { expect, it } from 'vitest';
import { accomplish } from './support/cell.ts';
import {
  describeStage,
  instanceOf,
  makeRecipient,
  MIXED,
  named,
  running,
  WAIT,
  type Case,
  type Scene,
} from './support/hostile/harness.ts';
import { CELL } from './support/machine.ts';
import { exhaustive } from './support/requirements.ts';
import { DATABASE_BESIDE, startBeside } from './support/server-beside.ts';
import { shell } from './support/succeed.ts';
import { EMBEDDED } from './support/tested-bundle.ts';

const SAVED = path.join(CELL.site, 'saved.tar.gz');
/** Another node's certificate and key, and keys sealed for it. */
const RECIPIENT = path.join(CELL.site, 'recipient.pem');
const SEALED = path.join(CELL.site, 'keys.cms');
const OTHER_NODE = path.join(CELL.site, 'other-node');
const INSTALL = ['install', '--processes', '1'];

const on = (pristine: string, ...argv: readonly string[]): Scene => ({ argv, pristine, of: 'present' });

/** Root's commands with imported keys. */
const IMPORT = on('external', 'keys', 'import', SEALED, '--recipient', RECIPIENT);
/** Root's commands with data of a server that the account runs, or will run. */
const MIGRATIONS: readonly Scene[] = [
  on('sqlite', 'migrate-database', '--to', 'embedded'),
  on('embedded', 'migrate-database', '--to', 'sqlite'),
];
const OTHERS: readonly Scene[] = [
  on('embedded', 'start'),
  on('embedded', 'backup'),
  on('embedded', 'restore', SAVED),
  on('embedded', 'uninstall', '--purge', '--yes'),
  running(on('embedded', 'backup')),
];

describeStage(
  'root, while the account of a database is its enemy',
  {
    bundle: EMBEDDED,
    prepare: async (cell, keep) => {
      await keep('sqlite', 'present', INSTALL);
      await shell(cell, 'rm -r "$0"', instanceOf('present'));
      await startBeside(cell);
      await makeRecipient(cell, RECIPIENT);
      // The keys that one node exports can be imported by another.
      const shared = [...INSTALL, '--database-url', DATABASE_BESIDE];
      const opened = ['--recipient', RECIPIENT];
      for (const argv of [shared, ['keys', 'export', SEALED, ...opened], ['stop']])
        await accomplish(cell, { of: 'present', parameters: [...argv, '--instance', OTHER_NODE] });
      const joining = [...shared, '--admin-password-file', path.join(OTHER_NODE, 'admin-password')];
      await keep('external', 'present', ['keys', 'import', SEALED, ...opened], joining);
      if (!exhaustive) return;
      await shell(cell, 'rm -r "$0"', instanceOf('present'));
      await keep('embedded', 'present', [...INSTALL, '--database', 'embedded'], ['backup', SAVED]);
    },
  },
  (stage) => {
    it.each(named(exhaustive ? [IMPORT, ...MIGRATIONS, ...OTHERS] : [IMPORT, ...MIGRATIONS.slice(0, 1)]))(
      '%s: follows nothing that stands in the place of a path, or is exchanged as it looks',
      async (_, scene) => {
        const kinds = exhaustive ? MIXED : MIXED.slice(0, 1);
        // The server has many files, and refuses to start for any of them: none is skipped.
        const cases = (await stage.planted(scene, kinds)).map((one) => ({ ...one, peel: false }));
        const told = kinds.map((kind): Case => ({ ...scene, how: 'told', kind, usual: WAIT }));
        expect(await stage.faultsOf([...cases, ...told])).toEqual([]);
      },
    );
  },
);
