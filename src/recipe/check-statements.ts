import { VEX_JUSTIFICATIONS } from '../domain/advisories/vex.ts';
import { findDuplicates } from './duplicates.ts';
import { quote, type Fault } from './mistake.ts';
import type { PartlyBundle } from './partly.ts';

/** Checks that a component's or bundle's statements about vulnerabilities are consistent. */
export function checkStatements(statements: PartlyBundle['vex'] = []): Fault[] {
  return [
    ...statements.flatMap((statement, index): Fault[] => {
      if (statement === undefined) return [];
      const isHarmless = !Object.hasOwn(statement, 'status') || statement.status === 'not_affected';
      const isJustified = Object.hasOwn(statement, 'justification');
      if (isHarmless === isJustified) return [];
      const path = ['vex', index];
      return [
        isHarmless
          ? {
              code: 'missing-key',
              message: '[[vex]] lacks "justification", which says why it is not affected',
              hint: `one of ${VEX_JUSTIFICATIONS.map(quote).join(', ')}`,
              path,
              at: 'key',
            }
          : {
              code: 'conflicting-keys',
              message: `"justification" is for status = "not_affected", not ${quote(statement.status ?? '')}`,
              path: [...path, 'justification'],
              at: 'key',
            },
      ];
    }),
    ...findDuplicates(
      statements.map((each) =>
        each?.vulnerability === undefined
          ? undefined
          : [each.vulnerability, each.part, each.embedded].filter((part) => part !== undefined).join(' '),
      ),
      ['vex'],
      'vulnerability',
    ),
  ];
}
