import type { FieldError } from '../common/app-error.js';
import { Findings } from './template-findings.js';
import { lintButtons, lintOtp } from './template-lint-buttons.js';
import { lintCarousel, lintOffer } from './template-lint-kinds.js';
import { lintExamples, lintPlacement, lintPlainText, lintVariables } from './template-lint-texts.js';
import {
  HEADER_TYPES,
  MAX_BODY,
  MAX_BUTTONS,
  MAX_CARD_BODY,
  MAX_FOOTER,
  MAX_HEADER,
  MAX_OFFER_BODY,
  MEDIA_HEADERS,
  type TemplateParts,
} from './template-parts.js';
import { variableNames } from './template-text.js';

/** Meta: how long an undelivered message may wait, by category; -1 is 30 days. */
const TTL: Readonly<Record<string, { min: number; max: number; hasMonth: boolean }>> = {
  AUTHENTICATION: { min: 30, max: 900, hasMonth: true },
  UTILITY: { min: 30, max: 43_200, hasMonth: true },
  MARKETING: { min: 43_200, max: 2_592_000, hasMonth: false },
};
const MAX_CODE_MINUTES = 90;
/** Nothing of a template lies deeper. */
const MAX_DEPTH = 12;
const NO_TEXT = /[\u0000\p{Surrogate}]/u;

/**
 * Meta's rules, each with a stable name as its error's code: what is certain to be refused. A draft may be unfinished (a text
 * that ends in a variable, samples still missing), but not wrong; for a push it must be whole.
 */
export function lintTemplate(
  parts: TemplateParts,
  { forPush }: { forPush: boolean } = { forPush: false },
): FieldError[] {
  const findings = new Findings(forPush);
  lintCharacters(findings, parts);
  if (parts.category === 'AUTHENTICATION') {
    lintAuthentication(findings, parts);
  } else {
    lintHeader(findings, parts);
    lintBody(findings, parts);
    lintFooter(findings, parts);
    lintButtons(findings, 'buttons', parts.buttons, parts.category);
    lintOffer(findings, parts);
    lintCarousel(findings, parts);
    if (parts.authentication) {
      findings.wrong('authentication', 'authentication_category', 'is for templates of category AUTHENTICATION');
    }
  }
  if (parts.buttons.length > MAX_BUTTONS) {
    findings.wrong('buttons', 'button_limit', `may be ${MAX_BUTTONS}`);
  }
  lintTtl(findings, parts);
  return findings.errors;
}

/** PostgreSQL keeps neither in JSON: a NUL, and half of a pair of surrogates. */
function lintCharacters(findings: Findings, parts: TemplateParts): void {
  const { header, bodyText, footerText, buttons, limitedTimeOffer, carousel, examples } = parts;
  for (const [field, part] of Object.entries({
    header,
    body_text: bodyText,
    footer_text: footerText,
    buttons,
    limited_time_offer: limitedTimeOffer,
    carousel,
    examples,
  })) {
    const where = unkeepable(part, field);
    if (where !== null) {
      findings.wrong(
        where,
        'not_allowed_characters',
        'has characters that are not text (NUL, or half a surrogate pair)',
      );
    }
  }
}

function unkeepable(value: unknown, path: string): string | null {
  if (path.split('.').length > MAX_DEPTH) {
    return path;
  }
  if (typeof value === 'string') {
    return NO_TEXT.test(value) ? path : null;
  }
  if (value === null || typeof value !== 'object') {
    return null;
  }
  for (const [key, each] of Object.entries(value)) {
    const where = NO_TEXT.test(key) ? path : unkeepable(each, `${path}.${key}`);
    if (where !== null) {
      return where;
    }
  }
  return null;
}

function lintAuthentication(findings: Findings, parts: TemplateParts): void {
  const { header, limitedTimeOffer, carousel, authentication, buttons } = parts;
  for (const [field, part] of Object.entries({ header, limited_time_offer: limitedTimeOffer, carousel })) {
    if (part) {
      findings.wrong(
        field,
        'authentication_parts',
        'has no place in an authentication template: Meta writes those itself',
      );
    }
  }
  const minutes = authentication?.code_expiration_minutes;
  if (minutes !== undefined && minutes !== null && !(minutes >= 1 && minutes <= MAX_CODE_MINUTES)) {
    findings.wrong(
      'authentication.code_expiration_minutes',
      'code_expiration_minutes',
      `must be from 1 to ${MAX_CODE_MINUTES}`,
    );
  }
  lintOtp(findings, buttons);
}

function lintHeader(findings: Findings, parts: TemplateParts): void {
  const { header, headerMediaId, category, buttons, examples, parameterFormat } = parts;
  if ((header?.type === 'PRODUCT') !== buttons.some((button) => button.type === 'SPM')) {
    findings.wrong('header.type', 'product_header', 'must be PRODUCT with a button of type SPM, and only with one');
  }
  if (!header) {
    return;
  }
  const headerText = header.text ?? '';
  if (!HEADER_TYPES.some((type) => type === header.type)) {
    findings.wrong('header.type', 'header_type', `must be one of ${HEADER_TYPES.join(', ')}`);
  }
  if (header.type === 'GIF' && category !== 'MARKETING') {
    findings.wrong('header.type', 'header_category', 'GIF is for marketing templates (category MARKETING)');
  }
  if (header.type !== 'TEXT') {
    if (header.text !== undefined) {
      findings.wrong('header.text', 'unknown_field', `is not a part of a header of type ${header.type}`);
    }
    if (MEDIA_HEADERS.has(header.type) && headerMediaId === null) {
      findings.unfinished(
        'header.media_id',
        'media_sample_missing',
        'must be the id of a file of the media library: Meta reviews it as the sample',
      );
    }
    if (headerMediaId !== null && !MEDIA_HEADERS.has(header.type)) {
      findings.wrong('header.media_id', 'unknown_field', `is not a part of a header of type ${header.type}`);
    }
    return;
  }
  if (headerText.trim() === '') {
    findings.wrong('header.text', 'required', 'is required in a text header');
  }
  if (headerMediaId !== null) {
    findings.wrong('header.media_id', 'unknown_field', 'is not a part of a text header');
  }
  if (variableNames(headerText).length > 1) {
    findings.wrong('header.text', 'header_variables', 'may have one variable');
  }
  findings.tooLong('header.text', headerText, MAX_HEADER);
  lintVariables(findings, 'header.text', headerText, parameterFormat);
  lintPlainText(findings, 'header.text', headerText);
  lintExamples(findings, 'examples.header', 'header.text', headerText, examples.header, parameterFormat);
}

function lintBody(findings: Findings, parts: TemplateParts): void {
  const { bodyText, limitedTimeOffer, buttons, examples, parameterFormat } = parts;
  if (bodyText.trim() === '') {
    findings.wrong('body_text', 'required', 'is required (Meta writes only the body of authentication templates)');
    return;
  }
  const isProduct = buttons.some((button) => button.type === 'SPM');
  findings.tooLong('body_text', bodyText, limitedTimeOffer ? MAX_OFFER_BODY : isProduct ? MAX_CARD_BODY : MAX_BODY);
  lintVariables(findings, 'body_text', bodyText, parameterFormat);
  lintPlacement(findings, 'body_text', bodyText);
  lintExamples(findings, 'examples.body', 'body_text', bodyText, examples.body, parameterFormat);
}

function lintFooter(findings: Findings, { footerText }: TemplateParts): void {
  findings.tooLong('footer_text', footerText, MAX_FOOTER);
  if (footerText !== '' && footerText.trim() === '') {
    findings.wrong('footer_text', 'required', 'must have a text, or be left out');
  }
  if (/\{\{|\}\}/.test(footerText)) {
    findings.wrong('footer_text', 'footer_variable', 'must not have variables: move them to the body');
  }
  if (/[\n\r]/.test(footerText)) {
    findings.wrong('footer_text', 'line_break', 'must be one line');
  }
}

function lintTtl(findings: Findings, { messageSendTtlSeconds: ttl, category }: TemplateParts): void {
  const limits = TTL[category];
  if (ttl === null || limits === undefined || (ttl === -1 && limits.hasMonth)) {
    return;
  }
  if (ttl < limits.min || ttl > limits.max) {
    findings.wrong(
      'message_send_ttl_seconds',
      'ttl_range',
      `must be from ${limits.min} to ${limits.max} for ${category}${limits.hasMonth ? ', or -1 for 30 days' : ''}`,
    );
  }
}
