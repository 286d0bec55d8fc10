import type { Layer } from '../domain/recipe.ts';
import { checkService } from './check-service.ts';
import { checkNames, type SoundService } from './check-set.ts';
import { checkReferences, checkTemplates } from './check-values.ts';
import type { ReadDocuments } from './document.ts';
import { checkForm } from './form.ts';
import { readKitAnswers } from './kit-answers.ts';
import { readServiceLayers } from './layers.ts';
import type { Mistake } from './mistake.ts';
import { hasHooks } from './resolve-service.ts';
import { valuesOf } from './service-values.ts';
import type { KitAnswers } from './written-service.ts';

export interface CheckedServices extends ReadDocuments {
  readonly kit: KitAnswers;
  readonly sound: readonly SoundService[];
  readonly mistakes: readonly Mistake[];
}

/** The services of all layers, with the mistakes in each; the kit is that of the lowest layer. */
export async function loadServices(layers: readonly Layer[]): Promise<CheckedServices> {
  const { documents, unreadable } = await readServiceLayers(layers);
  const kit = await readKitAnswers(layers.at(-1)?.init ?? '');
  const forms = documents.map((document) => ({ document, form: checkForm(document) }));
  // The form check removed every value that does not match the schema, so the rest has this type.
  const sound = forms.map(
    ({ document, form }) => ({ kind: 'service', document, recipe: form.sound }) as SoundService,
  );
  const provided = new Map(
    sound.map(({ document, recipe }) => [document.name, Object.keys(recipe.provides ?? {})]),
  );
  const mistakes = forms.map(async ({ document, form }, index): Promise<Mistake[]> => {
    const recipe = sound[index]?.recipe ?? {};
    const hooks = await hasHooks(document);
    const values = valuesOf(recipe, kit, (name) => provided.get(name));
    const faults = [
      ...form.faults,
      ...checkService(recipe, { hooks }),
      ...checkReferences(recipe, values),
      ...(await checkTemplates(document, recipe, { ...values, hooks })),
    ];
    return faults.map((fault) => ({ ...fault, document }));
  });
  return {
    documents,
    unreadable,
    kit,
    sound,
    mistakes: [...(await Promise.all(mistakes)).flat(), ...checkNames(sound)],
  };
}
