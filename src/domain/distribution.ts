/** The normalised name of a Python distribution: lower case, runs of `-`, `_` and `.` as one `-` (PEP 503). */
export function normalizeDistribution(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-');
}

/** The normalised name at the start of a PEP 508 requirement; undefined without one. */
export function requirementName(requirement: string): string | undefined {
  const [name] = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?/.exec(requirement.trim()) ?? [];
  return name === undefined ? undefined : normalizeDistribution(name);
}
