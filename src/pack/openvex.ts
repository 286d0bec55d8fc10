import { SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import type { Manifest, VexStatement } from '../domain/manifest.ts';
import { takeInventory, uuidOf } from './sbom/inventory.ts';

/**
 * The statements of a release about published vulnerabilities, as OpenVEX 0.2.0. The text depends only on the
 * release. Undefined if there are no statements: OpenVEX requires at least one.
 */
export function formatOpenVex(manifest: Manifest): string | undefined {
  const { bundle, version, revision, vex: statements = [] } = manifest;
  if (statements.length === 0) return undefined;
  const { items, digest } = takeInventory(manifest);
  const purls = new Map(
    items.flatMap((item) => [item, ...item.embedded]).map(({ part, purl }) => [part, purl]),
  );
  const product = `pkg:generic/${bundle}@${version}-${revision}`;
  const document = {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': uuidOf(digest),
    author: 'ksbundle',
    timestamp: new Date(SOURCE_DATE_EPOCH * 1000).toISOString().replace('.000', ''),
    version: 1,
    statements: statements.map((statement) => ({
      vulnerability: { name: statement.vulnerability },
      products: [{ '@id': product, subcomponents: [{ '@id': purls.get(statement.part) ?? statement.part }] }],
      status: statement.status,
      ...reasonOf(statement),
    })),
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function reasonOf({ status, justification, reason }: VexStatement): object {
  return status === 'not_affected' ? { justification, impact_statement: reason } : { status_notes: reason };
}
