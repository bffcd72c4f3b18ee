import { badParam, templateRule, type GraphError } from '../graph/graph-error.js';
import { variablesOf } from '../state/template-model.js';
import { isJson, type Json } from './check.js';

const HEADER_FORMATS = ['TEXT', 'IMAGE', 'VIDEO', 'GIF', 'DOCUMENT', 'LOCATION', 'PRODUCT'];
const MEDIA_FORMATS = ['IMAGE', 'VIDEO', 'GIF', 'DOCUMENT'];
const HEADER_RULE = 2388047;
const BODY_RULE = 2388072;
const FOOTER_RULE = 2388073;
const MAX_LINE = 60;
const PICTOGRAM = /\p{Emoji_Presentation}|\uFE0F/u;
/** Line breaks, asterisks, code, and words between underscores or tildes. */
const MARKED = /[\r\n*]|```|(^|[^\p{L}\p{N}])(_[^_\s][^_]*_|~[^~\s][^~]*~)($|[^\p{L}\p{N}])/u;
/** Scripts that write without spaces: each sign counts as a word. */
const UNSPACED =
  '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}]';
const WORD = new RegExp(`${UNSPACED}|(?:(?!${UNSPACED})[\\p{L}\\p{M}\\p{N}])+`, 'gu');

export function checkHeader(header: Json | undefined, isNamed: boolean): void {
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
    if (header.text !== undefined) {
      throw formatError('header', HEADER_RULE, `A header of format ${format} has no text.`);
    }
    return;
  }
  const text = textOf(header, 'header', MAX_LINE, HEADER_RULE);
  const variables = checkNames(text, 'header', HEADER_RULE, isNamed);
  if (variables.length > 1) {
    throw formatError('header', HEADER_RULE, 'A header takes one variable at most.');
  }
  if (!isPlain(text)) {
    throw formatError(
      'header',
      HEADER_RULE,
      "The message header can't have any new lines, formatting characters, emojis, or asterisks.",
    );
  }
  checkExamples(variables, isNamed ? example.header_text_named_params : example.header_text, isNamed);
}

export function checkBody(body: Json | undefined, limit: number, isNamed: boolean): void {
  if (body === undefined) {
    throw formatError('body', BODY_RULE, 'A template needs a BODY.');
  }
  const text = textOf(body, 'body', limit, BODY_RULE);
  const variables = checkNames(text, 'body', BODY_RULE, isNamed);
  checkPlaces(text, variables.length);
  const example = isJson(body.example) ? body.example : {};
  checkExamples(variables, isNamed ? example.body_text_named_params : example.body_text, isNamed);
}

export function checkFooter(footer: Json | undefined): void {
  if (footer === undefined) {
    return;
  }
  const text = textOf(footer, 'footer', MAX_LINE, FOOTER_RULE);
  if (/\{\{|\}\}|[\r\n]/.test(text)) {
    throw formatError('footer', FOOTER_RULE, "The message footer can't have any variables or new lines.");
  }
}

/** Whether a text has neither line breaks nor emojis nor formatting; variables aside. */
export function isPlain(text: string): boolean {
  const rest = text.replace(/\{\{[^{}]*\}\}/g, ' ');
  return !MARKED.test(rest) && !PICTOGRAM.test(rest);
}

/** Meta: braces hold a number or a name, as the format says; numbers run from 1 without a gap, names are used once. */
function checkNames(text: string, part: string, rule: number, isNamed: boolean): string[] {
  const variables = variablesOf(text);
  const pattern = /\{\{\s*[A-Za-z0-9_]+\s*\}\}/g;
  const isWellWritten = !/\{\{|\}\}/.test(text.replace(pattern, ' '));
  const isWellNamed = isNamed
    ? variables.every((name) => /^[a-z_][a-z0-9_]*$/.test(name)) && text.match(pattern)?.length === variables.length
    : variables.every((name) => /^[1-9]\d*$/.test(name) && Number(name) <= variables.length);
  if (!isWellWritten || (variables.length > 0 && !isWellNamed)) {
    throw formatError(part, rule, 'The variables are not written as the parameter format asks.');
  }
  return variables;
}

/** Meta: no variable first, last or beside another, and enough words for each. */
function checkPlaces(text: string, variables: number): void {
  if (/^\s*\{\{|\}\}\s*$/.test(text)) {
    throw templateRule(
      2388299,
      'Leading or trailing parameters not allowed',
      'Variables may not be at the start or the end of the template.',
    );
  }
  if (/\}\}\s*\{\{/.test(text)) {
    throw formatError('body', BODY_RULE, 'Variables may not be adjacent.');
  }
  const words = text.replace(/\{\{[^}]*\}\}/g, ' ').match(WORD) ?? [];
  if (words.length < variables * 2) {
    throw templateRule(
      2388293,
      'Parameters words ratio exceeds limit',
      'This template has too many variables for its length. Reduce the number of variables or increase the message length.',
    );
  }
}

/** Meta takes `[["a","b"]]`, a plain list, and for one variable the text alone. */
function checkExamples(variables: string[], given: unknown, isNamed: boolean): void {
  if (variables.length === 0) {
    return;
  }
  const inner: unknown = Array.isArray(given) && Array.isArray(given[0]) ? given[0] : given;
  const examples: unknown[] = Array.isArray(inner) ? inner : [inner];
  const names = examples.map((each) => (isJson(each) ? each.param_name : undefined));
  const isComplete =
    examples.length === variables.length &&
    (isNamed
      ? variables.every((name) => names.includes(name)) &&
        examples.every((each) => isJson(each) && isFilled(each.example))
      : examples.every(isFilled));
  if (!isComplete) {
    throw templateRule(2388043, 'Example missing', 'Each variable needs an example.');
  }
}

function isFilled(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isHandles(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isFilled);
}

function textOf(part: Json, name: string, max: number, rule: number): string {
  if (typeof part.text !== 'string' || part.text.trim() === '') {
    throw formatError(name, rule, `${name.toUpperCase()} needs a text.`);
  }
  if (part.text.length > max) {
    throw templateRule(2388040, 'Character limit exceeded', `The ${name} text has more than ${max} characters.`);
  }
  return part.text;
}

function formatError(part: string, rule: number, message: string): GraphError {
  return templateRule(rule, `Message ${part} format is incorrect`, message);
}
