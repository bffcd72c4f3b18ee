import { badParam, templateRule } from '../graph/graph-error.js';
import { component, variablesOf, type Template } from '../state/template-model.js';
import { isJson, type Json } from './check.js';
import { checkDefinedButtons } from './template-definition-buttons.js';

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
const HEADER_FORMATS = ['TEXT', 'IMAGE', 'VIDEO', 'GIF', 'DOCUMENT', 'LOCATION', 'PRODUCT'];
const MEDIA_FORMATS = ['IMAGE', 'VIDEO', 'GIF', 'DOCUMENT'];
const AUTH_BODY = '*{{1}}* is your verification code.';
const AUTH_ADVICE = ' For your security, do not share this code.';
/** Meta: how long an undelivered message may wait, per category; −1 is 30 days. */
const TTL: Record<string, readonly [number, number]> = {
  AUTHENTICATION: [30, 900],
  UTILITY: [30, 43_200],
  MARKETING: [43_200, 2_592_000],
};

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

/** Checks the components of a new or edited template. */
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
  checkHeader(component(given, 'HEADER'), isNamed);
  checkBody(component(given, 'BODY'), bodyLimit(types), isNamed);
  checkFooter(component(given, 'FOOTER'));
  checkDefinedButtons(component(given, 'BUTTONS'));
  checkCards(component(given, 'CAROUSEL'), isNamed);
  return given.map((each) => ({ ...each, type: String(each.type).toUpperCase() }));
}

export function ttlOf(ttl: unknown, category: string): { message_send_ttl_seconds?: number } {
  if (ttl === undefined) {
    return {};
  }
  const [min, max] = TTL[category] ?? [0, 0];
  const isMonth = ttl === -1 && category !== 'MARKETING';
  if (typeof ttl !== 'number' || !(isMonth || (ttl >= min && ttl <= max))) {
    throw badParam(`Param message_send_ttl_seconds must be between ${min} and ${max}.`);
  }
  return { message_send_ttl_seconds: ttl };
}

function bodyLimit(types: string[]): number {
  return types.includes('LIMITED_TIME_OFFER') ? 600 : 1024;
}

function checkHeader(header: Json | undefined, isNamed: boolean): void {
  if (header === undefined) {
    return;
  }
  const format = String(header.format).toUpperCase();
  if (!HEADER_FORMATS.includes(format)) {
    throw badParam(`Param format must be one of {${HEADER_FORMATS.join(', ')}}.`);
  }
  const example = isJson(header.example) ? header.example : {};
  if (MEDIA_FORMATS.includes(format) && !isHandles(example.header_handle)) {
    throw templateRule(2388273, 'Header example missing', 'A media header needs example.header_handle.');
  }
  if (format !== 'TEXT') {
    return;
  }
  const text = textOf(header, 'HEADER', 60, 2388047);
  const variables = variablesOf(text);
  if (variables.length > 1) {
    throw templateRule(2388047, 'Message header format is incorrect', 'A header takes one variable at most.');
  }
  checkExamples(variables, isNamed ? example.header_text_named_params : example.header_text, isNamed);
}

function checkBody(body: Json | undefined, limit: number, isNamed: boolean): void {
  if (body === undefined) {
    throw templateRule(2388072, 'Message body format is incorrect', 'A template needs a BODY.');
  }
  const text = textOf(body, 'BODY', limit, 2388072);
  const variables = variablesOf(text);
  checkVariables(text, variables, isNamed);
  const example = isJson(body.example) ? body.example : {};
  const first = Array.isArray(example.body_text) ? (example.body_text as unknown[])[0] : undefined;
  const positional = Array.isArray(first) ? first : example.body_text;
  checkExamples(variables, isNamed ? example.body_text_named_params : positional, isNamed);
}

/** Meta: no variable first, last or beside another; enough words for each; positional ones counted from 1. */
function checkVariables(text: string, variables: string[], isNamed: boolean): void {
  if (/^\s*\{\{|\}\}\s*$/.test(text)) {
    throw templateRule(
      2388299,
      'Leading or trailing parameters not allowed',
      'Variables may not be at the start or the end of the template.',
    );
  }
  if (/\}\}\s*\{\{/.test(text)) {
    throw templateRule(2388072, 'Message body format is incorrect', 'Variables may not be adjacent.');
  }
  const isWellNamed = isNamed
    ? variables.every((name) => /^[a-z_][a-z0-9_]*$/.test(name))
    : variables.every((name) => Number(name) >= 1 && Number(name) <= variables.length);
  if (!isWellNamed) {
    throw templateRule(
      2388072,
      'Message body format is incorrect',
      'The variables are not named as their format asks.',
    );
  }
  const words = text.replace(/\{\{[^}]*\}\}/g, ' ').match(/[\p{L}\p{N}]+/gu) ?? [];
  if (variables.length > 0 && words.length < variables.length * 2) {
    throw templateRule(
      2388293,
      'Parameters words ratio exceeds limit',
      'The template has too many variables for its length.',
    );
  }
}

function checkExamples(variables: string[], examples: unknown, isNamed: boolean): void {
  if (variables.length === 0) {
    return;
  }
  const isComplete =
    Array.isArray(examples) &&
    examples.length === variables.length &&
    (!isNamed || examples.every((each) => isJson(each) && variables.includes(String(each.param_name))));
  if (!isComplete) {
    throw templateRule(2388043, 'Example missing', 'Each variable needs an example.');
  }
}

function checkFooter(footer: Json | undefined): void {
  if (footer === undefined) {
    return;
  }
  if (variablesOf(textOf(footer, 'FOOTER', 60, 2388073)).length > 0) {
    throw templateRule(2388073, 'Message footer format is incorrect', 'A footer takes no variables.');
  }
}

function checkCards(carousel: Json | undefined, isNamed: boolean): void {
  if (carousel === undefined) {
    return;
  }
  const cards = carousel.cards;
  if (!Array.isArray(cards) || cards.length < 2 || cards.length > 10 || !cards.every(isJson)) {
    throw badParam('Param cards must be an array of 2 to 10 cards.');
  }
  const kinds = cards.map((card) => {
    const parts = Array.isArray(card.components) ? card.components.filter(isJson) : [];
    checkHeader(component(parts, 'HEADER'), isNamed);
    const body = component(parts, 'BODY');
    if (body !== undefined) {
      checkBody(body, 160, isNamed);
    }
    checkDefinedButtons(component(parts, 'BUTTONS'));
    return parts.map((part) => String(part.type).toUpperCase()).join();
  });
  if (new Set(kinds).size > 1) {
    throw badParam('Param cards must have the same components on each card.');
  }
}

/** Meta: text and footer of authentication templates are Meta's own; the OTP button is stored with type URL. */
function authComponents(given: Json[]): Json[] {
  const body = component(given, 'BODY');
  const footer = component(given, 'FOOTER');
  const minutes = footer?.code_expiration_minutes;
  if (footer !== undefined && !(typeof minutes === 'number' && minutes >= 1 && minutes <= 90)) {
    throw badParam('Param code_expiration_minutes must be between 1 and 90.');
  }
  const buttons = component(given, 'BUTTONS')?.buttons;
  const [button] = Array.isArray(buttons) ? buttons.filter(isJson) : [];
  const otpType = String(button?.otp_type).toUpperCase();
  if (String(button?.type).toUpperCase() !== 'OTP' || !['COPY_CODE', 'ONE_TAP', 'ZERO_TAP'].includes(otpType)) {
    throw badParam('An authentication template needs one OTP button with otp_type COPY_CODE, ONE_TAP or ZERO_TAP.');
  }
  if (component(given, 'HEADER') !== undefined || body?.text !== undefined) {
    throw templateRule(2388072, 'Message body format is incorrect', 'Authentication templates have a fixed text.');
  }
  const advice = body?.add_security_recommendation === true ? AUTH_ADVICE : '';
  const url = `https://www.whatsapp.com/otp/code/?otp_type=${otpType}&code=otp`;
  return [
    { type: 'BODY', text: AUTH_BODY + advice, ...body, example: { body_text: [['123456']] } },
    ...(footer === undefined
      ? []
      : [{ ...footer, type: 'FOOTER', text: `This code expires in ${String(minutes)} minutes.` }]),
    {
      type: 'BUTTONS',
      buttons: [{ type: 'URL', text: button?.text ?? 'Copy code', url: `${url}{{1}}`, example: [`${url}123456`] }],
    },
  ].map((each) => ({ ...each, type: String(each.type).toUpperCase() }));
}

function isHandles(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string' && each !== '');
}

function textOf(part: Json, name: string, max: number, subcode: number): string {
  if (typeof part.text !== 'string' || part.text === '') {
    throw templateRule(subcode, `Message ${name.toLowerCase()} format is incorrect`, `${name} needs a text.`);
  }
  if (part.text.length > max) {
    throw templateRule(2388040, 'Character limit exceeded', `The ${name} text has more than ${max} characters.`);
  }
  return part.text;
}
