/** Statuses of OpenVEX 0.2.0 that a recipe may state; anything else is `affected`. */
export const VEX_STATUSES = ['not_affected', 'fixed', 'under_investigation'] as const;
export type VexStatus = (typeof VEX_STATUSES)[number];

/** Justifications of OpenVEX 0.2.0 for `not_affected`. */
export const VEX_JUSTIFICATIONS = [
  'component_not_present',
  'vulnerable_code_not_present',
  'vulnerable_code_not_in_execute_path',
  'vulnerable_code_cannot_be_controlled_by_adversary',
  'inline_mitigations_already_exist',
] as const;
export type VexJustification = (typeof VEX_JUSTIFICATIONS)[number];

/** A recipe's statement about one vulnerability in a part. */
export interface Statement {
  /** Any of its names: `CVE-2012-3542`, `PYSEC-2012-19`. */
  readonly vulnerability: string;
  readonly status: VexStatus;
  /** Only and always present for `not_affected`. */
  readonly justification?: VexJustification;
  /** Why, for people. */
  readonly reason: string;
}
