import { z } from 'zod';
import { VEX_JUSTIFICATIONS, VEX_STATUSES } from '../domain/advisories/vex.ts';
import * as field from './fields.ts';

/* What recipes say for people and for the law beside how something is built. */

export const statement = {
  vulnerability: field.vulnerability.describe(
    'any name of the vulnerability: its CVE, or that of a database',
  ),
  status: z.enum(VEX_STATUSES).default('not_affected').describe('what is stated, in the words of OpenVEX'),
  justification: z
    .enum(VEX_JUSTIFICATIONS)
    .optional()
    .describe('why it is not affected, in the words of OpenVEX; needed for that, and only for that'),
  reason: field.sentence.describe('why, in words'),
};

export const embedded = {
  packages: z
    .array(field.purl)
    .min(1)
    .describe('package URLs of the code of others that its files have in them'),
  license: field.license.describe('SPDX licence expression of each of them'),
  cpe: field.cpe
    .optional()
    .describe('CPE 2.3 name without version, if NVD has one that ksbundle does not know; for one package'),
  reason: field.sentence.describe('how that is known'),
};

export const supportEnd = field.day.optional().describe('last day on which it gets security fixes');

export const support = z
  .strictObject({
    manufacturer: field.sentence.optional().describe('who builds and answers for the releases, by name'),
    contact: field.contact.optional().describe('where vulnerabilities are reported'),
    'disclosure-policy': field.url
      .optional()
      .describe('page with the policy of coordinated vulnerability disclosure'),
    purpose: field.sentence.optional().describe('what releases are meant for, in one line'),
    end: supportEnd,
  })
  .prefault({})
  .describe('who answers for the releases, and how long; for the law that their users meet');

export const wheelLicense = {
  distribution: field.distribution.describe('distribution whose wheel does not say it in terms of SPDX'),
  license: field.license.describe('SPDX licence expression of it'),
  reason: field.sentence.describe('how that is known'),
};
