import type { Findings } from './template-findings.js';
import { lintButtons } from './template-lint-buttons.js';
import { lintExamples, lintPlacement, lintVariables } from './template-lint-texts.js';
import {
  CARD_HEADER_TYPES,
  MAX_CARD_BODY,
  MAX_CARD_BUTTONS,
  MAX_CARDS,
  MAX_OFFER,
  MEDIA_HEADERS,
  MIN_CARDS,
  text,
  type TemplateParts,
} from './template-parts.js';
import type { TemplateCard } from './template.js';

const CARD_BUTTONS = new Set(['QUICK_REPLY', 'URL', 'PHONE_NUMBER']);
const PRODUCT_CARD_BUTTONS = new Set(['SPM', 'URL']);

/** A limited-time offer. */
export function lintOffer(findings: Findings, parts: TemplateParts): void {
  const { limitedTimeOffer, category, header, footerText, buttons, carousel } = parts;
  if (!limitedTimeOffer) {
    return;
  }
  if (category !== 'MARKETING') {
    findings.wrong('limited_time_offer', 'offer_category', 'is for marketing templates (category MARKETING)');
  }
  if (text(limitedTimeOffer.text).trim() === '') {
    findings.wrong('limited_time_offer.text', 'required', 'is required in a limited-time offer');
  }
  findings.tooLong('limited_time_offer.text', text(limitedTimeOffer.text), MAX_OFFER);
  if (footerText !== '') {
    findings.wrong('footer_text', 'offer_footer', 'must be empty: a limited-time offer has no footer');
  }
  if (header && header.type !== 'IMAGE' && header.type !== 'VIDEO') {
    findings.wrong('header.type', 'offer_header', 'must be IMAGE or VIDEO in a limited-time offer');
  }
  if (carousel) {
    findings.wrong('carousel', 'offer_carousel', 'has no place in a limited-time offer');
  }
  const types = buttons.map((button) => text(button.type)).join();
  if (!['URL', 'COPY_CODE,URL', 'COPY_CODE'].includes(types)) {
    findings.wrong('buttons', 'offer_buttons', 'must be a COPY_CODE button, a URL button, or both in this order');
  }
}

/** Cards beside each other, alike in their parts. */
export function lintCarousel(findings: Findings, parts: TemplateParts): void {
  const { carousel, category, header, footerText, buttons } = parts;
  if (!carousel) {
    return;
  }
  if (category !== 'MARKETING') {
    findings.wrong('carousel', 'carousel_category', 'is for marketing templates (category MARKETING)');
  }
  if (carousel.length < MIN_CARDS || carousel.length > MAX_CARDS) {
    findings.wrong('carousel', 'card_count', `must have ${MIN_CARDS} to ${MAX_CARDS} cards`);
  }
  for (const [field, isThere] of [
    ['header', header !== null],
    ['footer_text', footerText !== ''],
    ['buttons', buttons.length > 0],
  ] as const) {
    if (isThere) {
      findings.wrong(field, 'carousel_parts', 'has no place beside a carousel: the cards have their own');
    }
  }
  carousel.forEach((card, index) => lintCard(findings, `carousel.${index}`, card, index, parts));
  const shapes = carousel.map(shapeOf);
  const other = shapes.findIndex((shape) => shape !== shapes[0]);
  if (other !== -1) {
    findings.wrong(
      `carousel.${other}`,
      'cards_differ',
      'must have the same parts as the first card: kind of header, body or none, and the same kinds of buttons',
    );
  }
}

function lintCard(findings: Findings, field: string, card: TemplateCard, index: number, parts: TemplateParts): void {
  const { header, body_text, buttons } = card;
  const isProduct = header.type === 'PRODUCT';
  if (!CARD_HEADER_TYPES.some((type) => type === header.type)) {
    findings.wrong(`${field}.header.type`, 'card_header', `must be one of ${CARD_HEADER_TYPES.join(', ')}`);
  }
  if (header.text !== undefined) {
    findings.wrong(`${field}.header.text`, 'unknown_field', 'is not a part of a card’s header');
  }
  if (MEDIA_HEADERS.has(header.type) && !header.media_id) {
    findings.unfinished(
      `${field}.header.media_id`,
      'media_sample_missing',
      'must be the id of a file of the media library: Meta reviews it as the sample',
    );
  }
  findings.tooLong(`${field}.body_text`, body_text, MAX_CARD_BODY);
  lintVariables(findings, `${field}.body_text`, body_text, parts.parameterFormat);
  lintPlacement(findings, `${field}.body_text`, body_text);
  const examples = parts.examples.cards?.[index]?.body;
  lintExamples(
    findings,
    `examples.cards.${index}.body`,
    `${field}.body_text`,
    body_text,
    examples,
    parts.parameterFormat,
  );
  const most = isProduct ? 1 : MAX_CARD_BUTTONS;
  const allowed = isProduct ? PRODUCT_CARD_BUTTONS : CARD_BUTTONS;
  if (buttons.length > most || buttons.some((button) => !allowed.has(text(button.type)))) {
    findings.wrong(
      `${field}.buttons`,
      'card_buttons',
      `may have ${most} of the types ${[...allowed].join(', ')} on a card with a header of type ${header.type}`,
    );
  }
  lintButtons(findings, `${field}.buttons`, buttons, parts.category);
}

function shapeOf({ header, body_text, buttons }: TemplateCard): string {
  return [header.type, body_text === '' ? '' : 'BODY', ...buttons.map((button) => text(button.type))].join();
}
