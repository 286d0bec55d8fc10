import { matchesRule, mismatchOfType } from './answer-values.ts';
import { findDuplicates } from './duplicates.ts';
import { quote, quoteList, type Fault, type KeyPath } from './mistake.ts';
import type { PartlyService } from './partly.ts';
import { RESERVED_ANSWERS } from './reserved-answers.ts';

export type PartlyAnswer = NonNullable<NonNullable<PartlyService['answer']>[number]>;

/** Checks that the keys of each answer are consistent, and that each answer is declared once. */
export function checkAnswers({ answer = [] }: Pick<PartlyService, 'answer'>): Fault[] {
  return [
    ...answer.flatMap((each, index) => (each === undefined ? [] : checkAnswer(each, ['answer', index]))),
    ...findDuplicates(
      answer.map((each) => each?.name),
      ['answer'],
      'name',
    ),
  ];
}

function checkAnswer(answer: PartlyAnswer, path: KeyPath): Fault[] {
  const has = (key: keyof PartlyAnswer): boolean => Object.hasOwn(answer, key);
  const wrong = (key: keyof PartlyAnswer, message: string): Fault => ({
    code: 'bad-answer',
    message: `answer ${quote(answer.name ?? '')}: ${message}`,
    path: has(key) ? [...path, key] : path,
    at: 'key',
  });
  const { type, minimum, maximum } = answer;
  const faults: Fault[] = [];
  if (answer.name !== undefined && RESERVED_ANSWERS.has(answer.name)) {
    faults.push({
      ...wrong('name', 'every installer already has an option with this name'),
      hint: 'choose another name; or remove the answer if it has the same meaning as the option',
      at: 'value',
    });
  }
  if (type !== undefined && (type === 'choice') !== has('choices')) {
    faults.push(
      type === 'choice'
        ? wrong('choices', 'a choice needs "choices"')
        : wrong('choices', `"choices" is for type = "choice", not ${quote(type)}`),
    );
  }
  for (const key of ['minimum', 'maximum'] as const) {
    if (type !== undefined && type !== 'integer' && has(key)) {
      faults.push(wrong(key, `${quote(key)} is for type = "integer", not ${quote(type)}`));
    }
  }
  if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
    faults.push(wrong('minimum', `the minimum ${minimum} is above the maximum ${maximum}`));
  }
  if (has('rule') && !has('rule-help')) {
    faults.push(wrong('rule', 'a rule needs "rule-help", which explains it to users'));
  }
  if (has('rule-help') && !has('rule')) {
    faults.push(wrong('rule-help', '"rule-help" explains a "rule", but the answer has no "rule"'));
  }
  if (answer.secret === true && has('default')) {
    faults.push(wrong('default', 'a secret has no default: every installation needs its own'));
  }
  const mismatch = mismatchOfDefault(answer);
  if (mismatch !== undefined) {
    const message = `the default ${quote(String(answer.default))} breaks its own rule: expected ${mismatch}`;
    faults.push({ ...wrong('default', message), code: 'bad-default', at: 'value' });
  }
  return faults;
}

/** A description of the expected value if the default does not match. */
function mismatchOfDefault(answer: PartlyAnswer): string | undefined {
  const { type, choices, minimum, maximum, rule } = answer;
  if (answer.default === undefined || type === undefined) return undefined;
  const text = String(answer.default);
  const mismatch = mismatchOfType(type, text);
  if (mismatch !== undefined) return mismatch;
  if (choices !== undefined && !choices.includes(text)) {
    return `one of ${quoteList(choices.filter((choice) => choice !== undefined))}`;
  }
  if (type === 'integer' && minimum !== undefined && BigInt(text) < minimum) return `at least ${minimum}`;
  if (type === 'integer' && maximum !== undefined && BigInt(text) > maximum) return `at most ${maximum}`;
  if (rule !== undefined && !matchesRule(rule, text)) return answer['rule-help'] ?? `a match of ${rule}`;
  return undefined;
}
