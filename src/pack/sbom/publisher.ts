import { z } from 'zod';
import { asLicense } from '../../domain/license.ts';
import { parsePurl } from '../../domain/purl.ts';

/** One package that a publisher's bill of materials lists. */
export interface ListedPackage {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly license?: string;
  /** CPE 2.3 name without version. */
  readonly cpe?: string;
}

/** Where a wheel has bills of its contents (PEP 770). */
export const PUBLISHER_BILL = /\.dist-info\/sboms\/[^/]+$/u;

interface Component {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly purl?: string | undefined;
  readonly cpe?: string | undefined;
  readonly scope?: string | undefined;
  readonly licenses?:
    | readonly {
        readonly expression?: string | undefined;
        readonly license?:
          { readonly id?: string | undefined; readonly name?: string | undefined } | undefined;
      }[]
    | undefined;
  readonly components?: readonly Component[] | undefined;
}

const component: z.ZodType<Component> = z.lazy(() =>
  z.object({
    name: z.string().optional(),
    version: z.string().optional(),
    purl: z.string().optional(),
    cpe: z.string().optional(),
    scope: z.string().optional(),
    licenses: z
      .array(
        z.object({
          expression: z.string().optional(),
          license: z.object({ id: z.string().optional(), name: z.string().optional() }).optional(),
        }),
      )
      .optional(),
    components: z.array(component).optional(),
  }),
);
const cycloneDx = z.object({ bomFormat: z.literal('CycloneDX'), components: z.array(component).default([]) });

const spdx = z.object({
  spdxVersion: z.string(),
  packages: z
    .array(
      z.object({
        name: z.string(),
        versionInfo: z.string().optional(),
        licenseDeclared: z.string().optional(),
        licenseConcluded: z.string().optional(),
        externalRefs: z
          .array(z.object({ referenceType: z.string(), referenceLocator: z.string() }))
          .default([]),
      }),
    )
    .default([]),
});

/**
 * The packages with a version in a CycloneDX or SPDX (2, JSON) bill, without those that it marks as used only in the
 * build. Undefined for any other text; the audit finds unlisted libraries by their bytes.
 */
export function readPublisherBill(text: string): readonly ListedPackage[] | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const bill = cycloneDx.safeParse(document);
  if (bill.success) return bill.data.components.flatMap(listComponent);
  const document2 = spdx.safeParse(document);
  return document2.success ? document2.data.packages.flatMap(listPackage) : undefined;
}

function listComponent({
  name,
  version,
  purl,
  cpe,
  scope,
  licenses,
  components = [],
}: Component): ListedPackage[] {
  const inner = components.flatMap(listComponent);
  if (scope === 'excluded' || name === undefined || version === undefined) return inner;
  const named = (licenses ?? []).flatMap(
    (each) => each.expression ?? each.license?.id ?? each.license?.name ?? [],
  );
  const license = named
    .map(asLicense)
    .map((each) => (named.length > 1 && each.includes(' ') ? `(${each})` : each))
    .join(' AND ');
  return [
    { name, version, ...namesOf({ name, version, purl, cpe }), ...(license === '' ? {} : { license }) },
    ...inner,
  ];
}

const UNSAID = new Set(['NOASSERTION', 'NONE']);

function listPackage({
  name,
  versionInfo: version,
  licenseDeclared,
  licenseConcluded,
  externalRefs,
}: z.output<typeof spdx>['packages'][number]): ListedPackage[] {
  if (version === undefined) return [];
  const refOf = (type: string): string | undefined =>
    externalRefs.find(({ referenceType }) => referenceType === type)?.referenceLocator;
  const license = [licenseConcluded, licenseDeclared].find((each) => each !== undefined && !UNSAID.has(each));
  const names = namesOf({ name, version, purl: refOf('purl'), cpe: refOf('cpe23Type') });
  return [{ name, version, ...names, ...(license === undefined ? {} : { license: asLicense(license) }) }];
}

interface Named {
  readonly name: string;
  readonly version: string;
  readonly purl: string | undefined;
  readonly cpe: string | undefined;
}

/** An invalid package URL counts as none. */
function namesOf({ name, version, purl, cpe }: Named): Pick<ListedPackage, 'purl' | 'cpe'> {
  const product = /^cpe:2\.3:[aho]:[^:]+:[^:]+/u.exec(cpe ?? '')?.[0];
  return {
    purl:
      purl === undefined || parsePurl(purl) === undefined
        ? `pkg:generic/${encodeURIComponent(name)}@${encodeURIComponent(version)}`
        : purl,
    ...(product === undefined ? {} : { cpe: product }),
  };
}
