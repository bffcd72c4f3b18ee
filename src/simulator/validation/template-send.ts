import { GraphError, invalid, missing } from '../graph/graph-error.js';
import { component as componentOf, type PartShape, type TemplateShape } from '../state/template-model.js';
import type { StoredTemplate } from '../state/templates.js';
import { objectAt, objectsAt, onlyKeys, textAt, type Json } from './check.js';
import { checkSource, type CheckMedia, type MediaRules } from './media.js';
import { checkButtons } from './template-buttons.js';
import { checkLocation } from './place.js';

/** Finds the template a send names; undefined when there is none. */
export type FindTemplate = (name: string, language: string) => StoredTemplate | undefined;

const MAX_BODY = 1024;
const MAX_PARAMETERS = 200;

/**
 * Checks `template` of a send against its definition; answers the definition and the code of the failed status that must
 * follow. Meta: README §A.4.
 */
export function checkTemplate(
  message: Json,
  find: FindTemplate,
  rules: MediaRules,
): { template: StoredTemplate; failCode: number } {
  const given = objectAt(message, 'template', 'template');
  onlyKeys(given, 'template', ['name', 'language', 'components', 'namespace']);
  const name = textAt(given, 'name', "template['name']", 512);
  const language = objectAt(given, 'language', "template['language']");
  onlyKeys(language, "template['language']", ['code', 'policy']);
  const code = textAt(language, 'code', "template['language']['code']", 20);
  const stored = find(name, code);
  checkAvailable(stored, name, code);
  let failCode = 0;
  const offer = componentOf(stored.template.components, 'LIMITED_TIME_OFFER');
  const isCode = stored.template.category === 'AUTHENTICATION';
  checkComponents(given, { ...stored.shape, hasOffer: offer !== undefined, isCode }, (media, type, mediaPath) => {
    failCode = checkSource(media, type, mediaPath, rules) || failCode;
  });
  return { template: stored, failCode };
}

function checkAvailable(
  stored: StoredTemplate | undefined,
  name: string,
  code: string,
): asserts stored is StoredTemplate {
  if (stored?.template.status === 'PAUSED') {
    throw new GraphError(132015);
  }
  if (stored?.template.status === 'DISABLED') {
    throw new GraphError(132016);
  }
  if (stored?.template.status !== 'APPROVED') {
    throw new GraphError(132001, `template name (${name}) does not exist in ${code}`, {
      message: '(#132001) Template name does not exist in the translation',
    });
  }
}

/** A template as it is sent. */
interface SentShape extends TemplateShape {
  hasOffer: boolean;
  /** Authentication templates carry one code, of at most 15 characters. */
  isCode: boolean;
}

/** What each type of component may say. */
const KEYS: Record<string, readonly string[]> = {
  header: ['type', 'parameters'],
  body: ['type', 'parameters'],
  button: ['type', 'sub_type', 'index', 'parameters'],
  limited_time_offer: ['type', 'parameters'],
  carousel: ['type', 'cards'],
};
const OF_A_CARD = ['header', 'body', 'button'];

function checkComponents(given: Json, shape: SentShape, checkMedia: CheckMedia): void {
  const components =
    given.components === undefined ? [] : objectsAt(given, 'components', "template['components']", 0, 30);
  const byType = sorted(components, "template['components']", Object.keys(KEYS));
  const [offer] = byType.limited_time_offer ?? [];
  const [carousel] = byType.carousel ?? [];
  checkPart(byType, shape, shape, "template['components']", components, checkMedia);
  checkOffer(offer, shape);
  checkCarousel(carousel, shape, `template['components'][${components.indexOf(carousel as Json)}]`, checkMedia);
}

/** The components by their type; only buttons may come several times. */
function sorted(components: Json[], path: string, types: readonly string[]): Partial<Record<string, Json[]>> {
  const byType: Record<string, Json[]> = {};
  for (const component of components) {
    const type = textAt(component, 'type', `${path}['type']`, 40).toLowerCase();
    if (!types.includes(type)) {
      throw invalid(`${path} has an unknown type "${type}"`);
    }
    onlyKeys(component, path, KEYS[type] as readonly string[]);
    if (byType[type] !== undefined && type !== 'button') {
      throw invalid(`${path} has the type "${type}" twice`);
    }
    (byType[type] ??= []).push(component);
  }
  return byType;
}

/** Header, body and buttons, of the message or of one card. */
function checkPart(
  byType: Partial<Record<string, Json[]>>,
  part: PartShape,
  { isNamed, isCode }: Pick<SentShape, 'isNamed' | 'isCode'>,
  path: string,
  components: Json[],
  checkMedia: CheckMedia,
): void {
  const [header] = byType.header ?? [];
  const [body] = byType.body ?? [];
  const headerPath = `${path}[${header === undefined ? 0 : components.indexOf(header)}]['parameters'][0]`;
  checkHeader(parametersOf(header, 'header'), part, isNamed, headerPath, checkMedia);
  checkTexts(parametersOf(body, 'body'), part.bodyVariables, isNamed, 'body', part.bodyText);
  checkButtons(byType.button ?? [], part, isCode);
}

function parametersOf(component: Json | undefined, path: string): Json[] {
  return component?.parameters === undefined ? [] : objectsAt(component, 'parameters', path, 0, MAX_PARAMETERS);
}

function checkHeader(
  parameters: Json[],
  shape: PartShape,
  isNamed: boolean,
  path: string,
  checkMedia: CheckMedia,
): void {
  const format = shape.headerFormat;
  if (format === undefined) {
    if (parameters.length > 0) {
      throw new GraphError(132018, 'header: the template has no header that takes parameters');
    }
    return;
  }
  if (format === 'TEXT') {
    checkTexts(parameters, shape.headerVariables, isNamed, 'header', '');
    return;
  }
  const [parameter] = parameters;
  if (parameter === undefined || parameters.length !== 1) {
    throw new GraphError(
      132012,
      `header: Format mismatch, expected ${format}, received ${parameters.length === 0 ? 'UNKNOWN' : 'several'}`,
    );
  }
  const type = textAt(parameter, 'type', "header['type']", 40);
  if (type.toUpperCase() !== format) {
    throw new GraphError(132012, `header: Format mismatch, expected ${format}, received ${type.toUpperCase()}`);
  }
  onlyKeys(parameter, "header['parameters']", ['type', type, 'parameter_name']);
  const shown = objectAt(parameter, type, `header['${type}']`);
  switch (type) {
    case 'location':
      checkLocation(shown, `header['location']`);
      return;
    case 'product':
      onlyKeys(shown, "header['product']", ['product_retailer_id', 'catalog_id']);
      textAt(shown, 'product_retailer_id', "header['product']['product_retailer_id']", 100);
      return;
    default:
      if (shown.id === undefined && shown.link === undefined) {
        throw missing(`header['${type}']['id']`);
      }
      onlyKeys(shown, `${path}['${type}']`, ['id', 'link', 'provider', ...(type === 'document' ? ['filename'] : [])]);
      checkMedia(shown, type, `${path}['${type}']`);
  }
}

function checkTexts(
  parameters: Json[],
  variables: readonly string[],
  isNamed: boolean,
  path: string,
  text: string,
): void {
  if (parameters.length !== variables.length) {
    throw new GraphError(
      132000,
      `${path}: number of localizable_params (${parameters.length}) does not match the expected number of params (${variables.length})`,
      { message: '(#132000) Number of parameters does not match the expected number of params' },
    );
  }
  const names = parameters.map((parameter) => parameter.parameter_name);
  if (isNamed && names.some((name) => typeof name !== 'string' || !variables.includes(name))) {
    throw new GraphError(132012, `${path}: Parameter name is missing or does not match the template`);
  }
  if (isNamed && new Set(names).size !== names.length) {
    throw new GraphError(132012, `${path}: the same parameter name was given twice`);
  }
  if (!isNamed && names.some((name) => name !== undefined)) {
    throw new GraphError(132012, `${path}: the template takes positional parameters`);
  }
  const lengths = parameters.map((parameter) => checkTextParameter(parameter, path));
  const hydrated = lengths.reduce((sum, length) => sum + length, text.length);
  if (hydrated > MAX_BODY + variables.length * 5) {
    throw new GraphError(132005, `${path}: the translated text is too long`);
  }
}

/** Answers the length of the value. Meta: no newline, tab or more than four spaces in a row, else 132018. */
function checkTextParameter(parameter: Json, path: string): number {
  const type = textAt(parameter, 'type', `${path}['parameters']['type']`, 40);
  if (type === 'currency' || type === 'date_time') {
    const value = objectAt(parameter, type, `${path}['${type}']`);
    if (type === 'currency' && (typeof value.amount_1000 !== 'number' || !/^[A-Z]{3}$/.test(String(value.code)))) {
      throw new GraphError(132012, `${path}: Parameter of type currency needs a code and amount_1000`);
    }
    return textAt(value, 'fallback_value', `${path}['fallback_value']`, 1024).length;
  }
  if (type !== 'text') {
    throw new GraphError(132012, `${path}: Format mismatch, expected TEXT, received ${type.toUpperCase()}`);
  }
  onlyKeys(parameter, `${path}['parameters']`, ['type', 'text', 'parameter_name']);
  const { text } = parameter;
  if (text === undefined || text === null || text === '') {
    throw missing('Parameter of type text is missing text value');
  }
  if (typeof text !== 'string') {
    throw new GraphError(132012, `${path}: Parameter of type text has a value that is no string`);
  }
  if (/[\n\r\t]| {5}/.test(text)) {
    throw new GraphError(
      132018,
      `${path}: Param text cannot have new-line/tab characters or more than 4 consecutive spaces`,
    );
  }
  return text.length;
}

/** Meta: a limited-time offer needs its end, in the future, as a number of milliseconds. */
function checkOffer(component: Json | undefined, { hasOffer, needsExpiration }: SentShape): void {
  if (component === undefined) {
    if (needsExpiration) {
      throw missing('limited_time_offer: expiration_time_ms');
    }
    return;
  }
  if (!hasOffer) {
    throw new GraphError(132018, 'limited_time_offer: the template makes no such offer');
  }
  const [parameter] = objectsAt(component, 'parameters', 'limited_time_offer', 1, 1) as [Json];
  if (parameter.type !== 'limited_time_offer') {
    throw new GraphError(132012, `limited_time_offer: received a parameter of type ${String(parameter.type)}`);
  }
  const offer = objectAt(parameter, 'limited_time_offer', "limited_time_offer['limited_time_offer']");
  onlyKeys(offer, 'limited_time_offer', ['expiration_time_ms']);
  const ends = offer.expiration_time_ms;
  if (ends === undefined) {
    throw missing('limited_time_offer: expiration_time_ms');
  }
  if (typeof ends !== 'number' || !Number.isInteger(ends) || ends <= Date.now()) {
    throw invalid('limited_time_offer: expiration_time_ms must be a time in the future, in milliseconds');
  }
}

/** Meta: media cards exactly as many as defined; product cards are defined twice and sent up to ten times. */
function checkCarousel(component: Json | undefined, shape: SentShape, path: string, checkMedia: CheckMedia): void {
  if (component === undefined) {
    if (shape.cards.length > 0) {
      throw missing('carousel: cards');
    }
    return;
  }
  if (shape.cards.length === 0) {
    throw new GraphError(132018, 'carousel: the template has no cards');
  }
  const isProducts = shape.cards[0]?.headerFormat === 'PRODUCT';
  const cards = objectsAt(component, 'cards', "carousel['cards']", isProducts ? 2 : 1, 10);
  if (!isProducts && cards.length !== shape.cards.length) {
    throw new GraphError(132012, `carousel: expected ${shape.cards.length} cards, received ${cards.length}`);
  }
  const places = cards.map((card) => placeOf(card, cards.length));
  if (new Set(places).size !== places.length) {
    throw new GraphError(132012, 'carousel: the same card_index was given twice');
  }
  cards.forEach((card, position) => {
    const cardPath = `${path}['cards'][${position}]['components']`;
    const components = objectsAt(card, 'components', "card['components']", 0, 20);
    const part = shape.cards[isProducts ? 0 : (places[position] as number)] as PartShape;
    checkPart(sorted(components, cardPath, OF_A_CARD), part, shape, cardPath, components, checkMedia);
  });
}

function placeOf(card: Json, count: number): number {
  onlyKeys(card, "carousel['cards']", ['card_index', 'components']);
  const index = card.card_index;
  if (index === undefined) {
    throw missing("carousel['cards']['card_index']");
  }
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= count) {
    throw new GraphError(132012, `carousel: card_index ${String(index)} is not defined`);
  }
  return index;
}
