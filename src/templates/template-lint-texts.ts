import { isObject } from './template-parts.js';
import { partsOf, variableNames } from './template-text.js';
import type { Findings } from './template-findings.js';
import type { ParameterFormat } from './template.js';

const NAMED_VARIABLE = /^[a-z_][a-z0-9_]*$/;
const POSITION = /^[1-9]\d*$/;
/** Meta: "can't have any new lines, formatting characters, emojis, or asterisks". */
const EMOJI = /\p{Emoji_Presentation}|\p{Emoji}\uFE0F/u;
const FORMATTING = /\*|```|(?<![\p{L}\p{N}])(_[^_\s][^_]*_|~[^~\s][^~]*~)(?![\p{L}\p{N}])/u;
/** Meta wants more words than this for each variable. */
const WORDS_PER_VARIABLE = 2;
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/gu;

/** How variables are written, named and numbered. */
export function lintVariables(findings: Findings, field: string, text: string, format: ParameterFormat): void {
  const parts = partsOf(text);
  if (parts.some((part) => 'text' in part && /\{\{|\}\}/.test(part.text))) {
    findings.wrong(
      field,
      'malformed_variable',
      'has braces that are no variable: write {{1}} or {{name}}, with nothing but a-z, 0-9 and _ inside',
    );
  }
  lintNames(findings, field, text, format);
}

/** Where variables stand in a body, and how many of them there are for its words (Meta's errors 2388299 and 2388293). */
export function lintPlacement(findings: Findings, field: string, text: string): void {
  const parts = partsOf(text);
  if (/^\s*\{\{/.test(text)) {
    findings.wrong(field, 'leading_variable', 'begins with a variable: put a word before it');
  }
  if (parts.some((part, index) => 'variable' in part && isAdjacent(parts[index + 1], parts[index + 2]))) {
    findings.wrong(field, 'adjacent_variables', 'has two variables beside each other: put words between them');
  }
  if (/\}\}\s*$/.test(text)) {
    findings.unfinished(field, 'trailing_variable', 'ends with a variable: put a word or a full stop after it');
  }
  const variables = variableNames(text).length;
  const words = variables === 0 ? 0 : countWords(text);
  if (variables > 0 && words < variables * WORDS_PER_VARIABLE) {
    findings.unfinished(
      field,
      'too_many_variables',
      `has ${variables} variables and ${words} words: write at least ${variables * WORDS_PER_VARIABLE} words, or use fewer variables`,
    );
  }
}

/** Headers and labels of buttons are plain text. */
export function lintPlainText(findings: Findings, field: string, text: string): void {
  const plain = partsOf(text)
    .map((part) => ('text' in part ? part.text : ' '))
    .join('');
  if (/[\n\r]/.test(plain)) {
    findings.wrong(field, 'line_break', 'must be one line');
  }
  if (EMOJI.test(plain)) {
    findings.wrong(field, 'emoji', 'must not have emojis: move them to the body');
  }
  if (FORMATTING.test(plain)) {
    findings.wrong(field, 'formatting', 'must not have formatting (*bold*, _italic_, ~struck~, ```code```)');
  }
}

/**
 * Sample values against the variables of their text.
 * @param field of the samples, @param of the text they belong to
 */
export function lintExamples(
  findings: Findings,
  field: string,
  of: string,
  text: string,
  examples: unknown,
  format: ParameterFormat,
): void {
  const names = variableNames(text);
  if (examples === undefined || examples === null) {
    if (names.length > 0) {
      findings.unfinished(field, 'example_missing', `must have a sample value for each variable of ${of}`);
    }
    return;
  }
  if (!isExamples(examples)) {
    findings.wrong(field, 'example_form', 'must be a list of texts, or a map of names to texts');
    return;
  }
  if (Array.isArray(examples)) {
    lintExampleList(findings, field, of, names.length, examples, format);
    return;
  }
  const unknown = Object.keys(examples).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    findings.wrong(field, 'example_unknown', `has a value for {{${unknown}}}, which ${of} does not have`);
  }
  const absent = names.find((name) => !examples[name]);
  if (absent !== undefined) {
    findings.unfinished(field, 'example_missing', `must have a sample value for {{${absent}}} of ${of}`);
  }
}

function lintExampleList(
  findings: Findings,
  field: string,
  of: string,
  variables: number,
  examples: readonly string[],
  format: ParameterFormat,
): void {
  if (format === 'NAMED') {
    findings.wrong(field, 'example_form', 'must be a map of names to texts, because the variables have names');
  } else if (examples.length > variables) {
    findings.wrong(field, 'example_count', `has ${examples.length} values, and ${of} has ${variables} variables`);
  } else if (examples.length < variables || examples.includes('')) {
    findings.unfinished(field, 'example_missing', `must have a sample value for each variable of ${of}`);
  }
}

function lintNames(findings: Findings, field: string, text: string, format: ParameterFormat): void {
  const names = variableNames(text);
  if (format === 'POSITIONAL') {
    const named = names.find((name) => !POSITION.test(name));
    if (named !== undefined) {
      findings.wrong(
        field,
        'mixed_variables',
        `has the variable {{${named}}}: positional ones are {{1}}, {{2}}, … (parameter_format NAMED takes names)`,
      );
    }
    const missing = names.findIndex((_name, index) => !names.includes(String(index + 1)));
    if (missing !== -1) {
      findings.wrong(field, 'variable_gap', `has no {{${missing + 1}}}: number the variables from 1 without a gap`);
    }
    return;
  }
  const position = names.find((name) => POSITION.test(name));
  if (position !== undefined) {
    findings.wrong(
      field,
      'mixed_variables',
      `has the variable {{${position}}}: this template's variables have names (parameter_format POSITIONAL takes numbers)`,
    );
  }
  const wrong = names.find((name) => !NAMED_VARIABLE.test(name));
  if (wrong !== undefined) {
    findings.wrong(
      field,
      'variable_name',
      `has the variable {{${wrong}}}: names have lower-case letters, digits and _`,
    );
  }
  const all = partsOf(text).flatMap((part) => ('variable' in part ? [part.variable] : []));
  if (all.length > names.length) {
    findings.unfinished(field, 'repeated_variable', 'uses a name twice: Meta wants each named variable once');
  }
}

function isAdjacent(next: object | undefined, afterNext: object | undefined): boolean {
  if (next === undefined) {
    return false;
  }
  const isBlank = 'text' in next && String(next.text).trim() === '';
  return 'variable' in next || (isBlank && afterNext !== undefined);
}

/** Counts words; of a script that writes without spaces each sign, so as to refuse nothing that Meta may take. */
function countWords(text: string): number {
  const plain = partsOf(text)
    .map((part) => ('text' in part ? part.text : ' '))
    .join(' ');
  const signs = plain.match(UNSPACED)?.length ?? 0;
  return signs + (plain.replace(UNSPACED, ' ').match(/[\p{L}\p{M}\p{N}]+/gu)?.length ?? 0);
}

function isExamples(value: unknown): value is string[] | Record<string, string> {
  return (
    (Array.isArray(value) && value.every((each) => typeof each === 'string')) ||
    (isObject(value) && Object.values(value).every((each) => typeof each === 'string'))
  );
}
