import { KIT_PARTS, type KitPart } from '../domain/service.ts';
import type { PartlyService } from './partly.ts';
import { protocolOf } from './service-defaults.ts';
import type { KitAnswers } from './written-service.ts';

/** The names that `${…}` in a service's recipe and `@{…}` in its templates may use. */
export interface Values {
  readonly names: ReadonlySet<string>;
  /** Names of secret values. */
  readonly secret: ReadonlySet<string>;
}

/** Directory of the copies of data during an upgrade; only the upgrade command may use it. */
export const DATA = 'data';

/** Prefix of names of secrets' contents. */
export const CONTENTS = 'contents.';

const GENERAL = ['account', 'instance', 'name', 'release', 'temporary'];

/** `provided` are the keys that other services provide, by service; undefined for a service that cannot be read. */
export function valuesOf(
  recipe: PartlyService,
  kit: KitAnswers,
  provided: (service: string) => readonly string[] | undefined,
): Values {
  const { listener = [], answer = [], secret = [], needs = [] } = recipe;
  const parts = kitParts(recipe);
  const answers = [
    ...kit.filter((each) => parts.includes(each.for)),
    ...answer.flatMap((each) => each ?? []),
    ...listener.flatMap((each) =>
      [each?.answer, each?.['public-url']].flatMap((name) => (name === undefined ? [] : [{ name }])),
    ),
  ];
  const paths = secret.flatMap((each) => each?.path ?? []);
  const contents = paths.map((each) => `${CONTENTS}${each}`);
  const names = [
    ...GENERAL,
    ...answers.map(({ name }) => `answers.${name}`),
    ...listener.flatMap((each) =>
      each?.answer === undefined
        ? []
        : ['host', 'port', ...(protocolOf(each, recipe) === 'http' ? ['url'] : [])].map(
            (key) => `listeners.${each.answer}.${key}`,
          ),
    ),
    ...paths.map((each) => `secrets.${each}`),
    ...contents,
    ...needs.flatMap((each) =>
      each?.service === undefined
        ? []
        : (provided(each.service) ?? []).map((key) => `needs.${each.service}.${key}`),
    ),
  ];
  const hidden = answer.flatMap((each) => (each?.secret === true ? [`answers.${each.name}`] : []));
  return { names: new Set(names), secret: new Set([...hidden, ...contents]) };
}

/** The parts of the kit that a service uses. */
export function kitParts(recipe: PartlyService): readonly KitPart[] {
  const listeners = (recipe.listener ?? []).flatMap((each) => each ?? []);
  const uses = {
    listener: listeners.length > 0,
    http: listeners.some((each) => protocolOf(each, recipe) === 'http'),
    wsgi: recipe.wsgi !== undefined,
  };
  return KIT_PARTS.filter((part) => uses[part]);
}
