import { GraphError, invalid, missing } from '../graph/graph-error.js';
import type { PartShape, TemplateShape } from '../state/template-model.js';
import type { StoredTemplate } from '../state/templates.js';
import { isJson, objectAt, objectsAt, onlyKeys, textAt, type Json } from './check.js';
import { checkSource, type CheckMedia, type MediaRules } from './media.js';
import { checkButton } from './template-buttons.js';

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
  checkComponents(given, stored.shape, (media, type, mediaPath) => {
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

function checkComponents(given: Json, shape: TemplateShape, checkMedia: CheckMedia): void {
  const components =
    given.components === undefined ? [] : objectsAt(given, 'components', "template['components']", 0, 30);
  const seen = { header: false, body: false, offer: false, carousel: false, buttons: new Set<number>() };
  for (const [position, component] of components.entries()) {
    const type = textAt(component, 'type', "template['components']['type']", 40).toLowerCase();
    switch (type) {
      case 'header':
      case 'body':
      case 'button':
        break;
      case 'limited_time_offer':
        checkOffer(component, shape);
        seen.offer = true;
        break;
      case 'carousel':
        checkCarousel(component, shape, `template['components'][${position}]`, checkMedia);
        seen.carousel = true;
        break;
      default:
        throw invalid(`template['components'] has an unknown type "${type}"`);
    }
  }
  checkPart(components, shape, shape.isNamed, "template['components']", checkMedia);
  if (shape.needsExpiration && !seen.offer) {
    throw missing('limited_time_offer: expiration_time_ms');
  }
  if (shape.cards.length > 0 && !seen.carousel) {
    throw missing('carousel: cards');
  }
}

/** Header, body and buttons, of the message or of one card. */
function checkPart(components: Json[], shape: PartShape, isNamed: boolean, path: string, checkMedia: CheckMedia): void {
  const ofType = (type: string): Json[] => components.filter((each) => String(each.type).toLowerCase() === type);
  const [header, secondHeader] = ofType('header');
  const [body, secondBody] = ofType('body');
  if (secondHeader !== undefined || secondBody !== undefined) {
    throw invalid("template['components'] has the same type twice");
  }
  const headerPath = `${path}[${header === undefined ? 0 : components.indexOf(header)}]['parameters'][0]`;
  checkHeader(parametersOf(header, 'header'), shape, isNamed, headerPath, checkMedia);
  checkTexts(parametersOf(body, 'body'), shape.bodyVariables, isNamed, 'body', shape.bodyText);
  const given = new Set(ofType('button').map((button) => checkButton(button, shape)));
  shape.buttons.forEach(({ type, hasVariable }, index) => {
    if ((hasVariable || type === 'COPY_CODE' || type === 'OTP') && !given.has(index)) {
      const printed = type === 'COPY_CODE' ? 'Copy Code' : 'Url';
      throw missing(`buttons: Button at index ${index} of type ${printed} requires a parameter`);
    }
  });
}

function parametersOf(component: Json | undefined, path: string): Json[] {
  if (component === undefined) {
    return [];
  }
  onlyKeys(component, "template['components']", ['type', 'parameters', 'sub_type', 'index', 'cards']);
  return component.parameters === undefined ? [] : objectsAt(component, 'parameters', path, 0, MAX_PARAMETERS);
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
  const media = objectAt(parameter, type, `header['${type}']`);
  const needed = { location: ['latitude', 'longitude'], product: ['product_retailer_id'] }[type] ?? [];
  const absent = needed.find((key) => media[key] === undefined);
  if (absent !== undefined || (needed.length === 0 && media.id === undefined && media.link === undefined)) {
    throw missing(`header['${type}']['${absent ?? 'id'}']`);
  }
  if (needed.length === 0) {
    checkMedia(media, type, `${path}['${type}']`);
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
    return textAt(objectAt(parameter, type, `${path}['${type}']`), 'fallback_value', `${path}['fallback_value']`, 1024)
      .length;
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

/** Meta: a limited-time offer needs its end as a number of milliseconds. */
function checkOffer(component: Json, shape: TemplateShape): void {
  const [parameter] = parametersOf(component, 'limited_time_offer');
  const offer = parameter?.limited_time_offer;
  if (shape.needsExpiration && !(isJson(offer) && typeof offer.expiration_time_ms === 'number')) {
    throw missing('limited_time_offer: expiration_time_ms');
  }
}

/** Meta: media cards exactly as many as defined; product cards are defined twice and sent up to ten times. */
function checkCarousel(component: Json, shape: TemplateShape, path: string, checkMedia: CheckMedia): void {
  const cards = objectsAt(component, 'cards', "carousel['cards']", 1, 10);
  const isProducts = shape.cards[0]?.headerFormat === 'PRODUCT';
  if (shape.cards.length === 0 || (!isProducts && cards.length !== shape.cards.length)) {
    throw new GraphError(132012, `carousel: expected ${shape.cards.length} cards, received ${cards.length}`);
  }
  cards.forEach((card, position) => {
    const index = card.card_index ?? position;
    const part = shape.cards[isProducts ? 0 : Number(index)];
    if (part === undefined) {
      throw new GraphError(132012, `carousel: card_index ${String(index)} is not defined`);
    }
    checkPart(
      card.components === undefined ? [] : objectsAt(card, 'components', "card['components']", 0, 20),
      part,
      shape.isNamed,
      `${path}['cards'][${position}]['components']`,
      checkMedia,
    );
  });
}
