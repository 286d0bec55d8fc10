import { z } from 'zod';
import { VEX_JUSTIFICATIONS, VEX_STATUSES } from '../domain/advisories/vex.ts';
import * as field from './fields.ts';

/* Facts in recipes for users and regulators, not for the build. */

export const statement = {
  vulnerability: field.vulnerability.describe(
    'any name of the vulnerability: its CVE, or that of a database',
  ),
  status: z.enum(VEX_STATUSES).default('not_affected').describe('the status, in the terms of OpenVEX'),
  justification: z
    .enum(VEX_JUSTIFICATIONS)
    .optional()
    .describe(
      'why it is not affected, in the terms of OpenVEX; required for that status, and allowed for no other',
    ),
  reason: field.sentence.describe('explanation'),
};

export const embedded = {
  packages: z.array(field.purl).min(1).describe('package URLs of third-party code in its files'),
  license: field.license.describe('SPDX licence expression of each of them'),
  cpe: field.cpe
    .optional()
    .describe(
      'CPE 2.3 name without version, if NVD has one that ksbundle does not know; only with a single package',
    ),
  reason: field.sentence.describe('how that is known'),
};

export const supportEnd = field.day.optional().describe('last day on which it gets security fixes');

export const support = z
  .strictObject({
    manufacturer: field.sentence
      .optional()
      .describe('name of the manufacturer, who is responsible for the releases'),
    contact: field.contact.optional().describe('where to report vulnerabilities'),
    'disclosure-policy': field.url
      .optional()
      .describe('page with the policy of coordinated vulnerability disclosure'),
    purpose: field.sentence.optional().describe('intended purpose of the releases, in one line'),
    end: supportEnd,
  })
  .prefault({})
  .describe('who is responsible for the releases, and until when; regulations require it');

export const wheelLicense = {
  distribution: field.distribution.describe(
    'distribution whose wheel does not state its licence in terms of SPDX',
  ),
  license: field.license.describe('its SPDX licence expression'),
  reason: field.sentence.describe('how that is known'),
};
