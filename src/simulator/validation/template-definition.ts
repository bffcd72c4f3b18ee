import { badParam, templateRule } from '../graph/graph-error.js';
import { component, type Template } from '../state/template-model.js';
import { isJson, type Json } from './check.js';
import { checkDefinedButtons, typesOf } from './template-definition-buttons.js';
import { authComponents, checkCards, checkOffer } from './template-definition-kinds.js';
import { checkBody, checkFooter, checkHeader } from './template-definition-texts.js';

const CATEGORIES = ['AUTHENTICATION', 'MARKETING', 'UTILITY'];
const COMPONENT_TYPES = [
  'HEADER',
  'BODY',
  'FOOTER',
  'BUTTONS',
  'CAROUSEL',
  'LIMITED_TIME_OFFER',
  'CALL_PERMISSION_REQUEST',
];
/** Meta: how long an undelivered message may wait, per category; −1 is 30 days. */
const TTL: Record<string, readonly [number, number]> = {
  AUTHENTICATION: [30, 900],
  UTILITY: [30, 43_200],
  MARKETING: [43_200, 2_592_000],
};
/** Meta: these component pages say "only templates categorized as MARKETING". */
const ONLY_MARKETING = ['CAROUSEL', 'LIMITED_TIME_OFFER'];
const MAX_BODY = 1024;
const MAX_OFFER_BODY = 600;
const MAX_PRODUCT_BODY = 160;

/** Reads a body of `POST /{WABA}/message_templates`. Meta: README §A.5. */
export function readDefinition(body: Json): Omit<Template, 'id'> {
  const { name, language, category } = body;
  if (typeof name !== 'string' || !/^[a-z0-9_]{1,512}$/.test(name)) {
    throw badParam('Param name must be 1 to 512 lower-case letters, digits or underscores.');
  }
  if (typeof language !== 'string' || !/^[a-z]{2,3}(_[A-Za-z]{2,4})?$/.test(language)) {
    throw badParam('Param language must be a supported language and locale code.');
  }
  if (typeof category !== 'string' || !CATEGORIES.includes(category.toUpperCase())) {
    throw badParam(`Param category must be one of {${CATEGORIES.join(', ')}}.`);
  }
  const format = String(body.parameter_format ?? 'POSITIONAL').toUpperCase();
  if (format !== 'POSITIONAL' && format !== 'NAMED') {
    throw badParam('Param parameter_format must be one of {POSITIONAL, NAMED}.');
  }
  return {
    name,
    language,
    status: 'PENDING',
    category: category.toUpperCase(),
    parameter_format: format,
    components: readComponents(body.components, category.toUpperCase(), format === 'NAMED'),
    ...ttlOf(body.message_send_ttl_seconds, category.toUpperCase()),
  };
}

/** Checks the components of a new or edited template, and answers them as Meta keeps them. */
export function readComponents(given: unknown, category: string, isNamed: boolean): Json[] {
  if (!Array.isArray(given) || given.length === 0 || !given.every(isJson)) {
    throw badParam('Param components must be a non-empty array of objects.');
  }
  const types = given.map((each) => String(each.type).toUpperCase());
  const unknown = types.find((type) => !COMPONENT_TYPES.includes(type));
  if (unknown !== undefined || new Set(types).size !== types.length) {
    throw badParam(`Param components has an unknown or repeated type "${unknown ?? 'repeated'}".`);
  }
  if (category === 'AUTHENTICATION') {
    return authComponents(given);
  }
  const stray = category === 'MARKETING' ? undefined : types.find((type) => ONLY_MARKETING.includes(type));
  if (stray !== undefined) {
    throw badParam(`A component of type ${stray} is supported for category MARKETING only.`);
  }
  checkTogether(given, types, category);
  checkHeader(component(given, 'HEADER'), isNamed);
  checkBody(component(given, 'BODY'), bodyLimit(given, types), isNamed);
  checkFooter(component(given, 'FOOTER'));
  checkDefinedButtons(component(given, 'BUTTONS'), category);
  checkOffer(given);
  checkCards(component(given, 'CAROUSEL'), isNamed, category);
  return given.map(asKept);
}

export function ttlOf(ttl: unknown, category: string): { message_send_ttl_seconds?: number } {
  if (ttl === undefined) {
    return {};
  }
  const [min, max] = TTL[category] ?? [0, 0];
  const isMonth = ttl === -1 && category !== 'MARKETING';
  if (typeof ttl !== 'number' || !(isMonth || (Number.isInteger(ttl) && ttl >= min && ttl <= max))) {
    throw badParam(`Param message_send_ttl_seconds must be between ${min} and ${max}.`);
  }
  return { message_send_ttl_seconds: ttl };
}

function bodyLimit(given: Json[], types: string[]): number {
  if (types.includes('LIMITED_TIME_OFFER')) {
    return MAX_OFFER_BODY;
  }
  return typesOf(component(given, 'BUTTONS')).includes('SPM') ? MAX_PRODUCT_BODY : MAX_BODY;
}

/** Meta: which components exclude, and which need, each other. */
function checkTogether(given: Json[], types: string[], category: string): void {
  const format = String(component(given, 'HEADER')?.format).toUpperCase();
  if (format === 'GIF' && category !== 'MARKETING') {
    throw badParam('A header of format GIF is supported for category MARKETING only.');
  }
  if ((format === 'PRODUCT') !== typesOf(component(given, 'BUTTONS')).includes('SPM')) {
    throw badParam('A PRODUCT header and an SPM button must be defined together.');
  }
  const others = types.filter((type) => type !== 'BODY');
  if (types.includes('CAROUSEL') && others.length > 1) {
    throw badParam('A carousel template has a BODY and a CAROUSEL component only.');
  }
  const interactive = ['BUTTONS', 'LIMITED_TIME_OFFER', 'CAROUSEL'];
  if (types.includes('CALL_PERMISSION_REQUEST') && types.some((type) => interactive.includes(type))) {
    throw badParam('CALL_PERMISSION_REQUEST cannot be combined with other interactive components.');
  }
  if (types.includes('LIMITED_TIME_OFFER') && types.includes('FOOTER')) {
    throw templateRule(
      2388073,
      'Message footer format is incorrect',
      'Limited-time offer templates do not support footers.',
    );
  }
}

/** Meta answers types and formats in capitals, whatever was sent. */
function asKept(part: Json): Json {
  return {
    ...part,
    type: String(part.type).toUpperCase(),
    ...(typeof part.format === 'string' ? { format: part.format.toUpperCase() } : {}),
    ...(Array.isArray(part.buttons) ? { buttons: part.buttons.map((each) => asKept(each as Json)) } : {}),
    ...(Array.isArray(part.cards)
      ? { cards: part.cards.map((card) => ({ components: ((card as Json).components as Json[]).map(asKept) })) }
      : {}),
  };
}
