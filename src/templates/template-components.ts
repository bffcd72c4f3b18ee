import {
  isObject,
  MEDIA_HEADERS,
  objectsOf,
  text,
  withoutAbsent,
  type Json,
  type TemplateParts,
} from './template-parts.js';
import { variableNames } from './template-text.js';
import type { TemplateCard, TemplateHeader, TemplateValues } from './template.js';

/** Handles of uploaded samples (Meta's resumable upload), which stand in a definition for media headers. */
export interface SampleHandles {
  headerHandle?: string | null;
  /** One for each card, in order. */
  cardHandles?: readonly (string | null)[];
}

/** What Meta's components say; category, format, TTL and the library's files stand elsewhere. */
export type ComponentParts = Omit<
  TemplateParts,
  'category' | 'parameterFormat' | 'messageSendTtlSeconds' | 'headerMediaId'
>;

/** How the URL begins as which Meta stores the button of an authentication template. */
const OTP_URL = 'https://www.whatsapp.com/otp/';

/** The text that Meta writes for authentication templates, in English; a sync brings it in the template's language. */
export function authenticationBody(hasRecommendation: boolean): string {
  return `*{{1}}* is your verification code.${hasRecommendation ? ' For your security, do not share this code.' : ''}`;
}

export function authenticationFooter(minutes: number | null | undefined): string {
  return minutes ? `This code expires in ${minutes} minutes.` : '';
}

/**
 * Meta's `components` of a template, as its create and edit calls take them.
 * @param handles without them, media headers go without their sample, which Meta refuses: a draft shows them so
 */
export function toComponents(parts: TemplateParts, handles: SampleHandles = {}): Json[] {
  return parts.category === 'AUTHENTICATION' ? authenticationComponents(parts) : usualComponents(parts, handles);
}

/**
 * The parts of Meta's components, whether Meta returned them or `toComponents` made them. What has no part of its own stays
 * in the components alone. Which files of the library are samples Meta does not know: who stores the result keeps
 * `header_media_id` and the `media_id` of the cards.
 */
export function fromComponents(components: readonly Json[]): ComponentParts {
  const find = finder(components);
  const header = find('HEADER');
  const body = find('BODY');
  const footer = find('FOOTER');
  const offer = find('LIMITED_TIME_OFFER')?.limited_time_offer;
  const carousel = find('CAROUSEL');
  const cards = carousel ? objectsOf(carousel.cards).map((card) => finder(objectsOf(card.components))) : null;
  const buttons = objectsOf(find('BUTTONS')?.buttons).map(fromMetaButton);
  const authentication = authenticationOf(body, footer, buttons);
  const cardExamples = (cards ?? []).map((card) => withBody(bodyExamples(card('BODY'))));
  const headerExample = headerExamples(header);
  // The example of an authentication template is Meta's own.
  const bodyExample = authentication ? undefined : bodyExamples(body);
  return {
    header: header ? fromMetaHeader(header) : null,
    bodyText:
      text(body?.text) || (authentication ? authenticationBody(authentication.add_security_recommendation) : ''),
    footerText: text(footer?.text) || authenticationFooter(authentication?.code_expiration_minutes),
    buttons: find('CALL_PERMISSION_REQUEST') ? [...buttons, { type: 'CALL_REQUEST' }] : buttons,
    limitedTimeOffer: isObject(offer)
      ? { text: text(offer.text), has_expiration: offer.has_expiration === true }
      : null,
    carousel: cards?.map(fromMetaCard) ?? null,
    authentication,
    examples: {
      ...(headerExample ? { header: headerExample } : {}),
      ...withBody(bodyExample),
      ...(cardExamples.some((example) => example.body) ? { cards: cardExamples } : {}),
    },
  };
}

function usualComponents(parts: TemplateParts, { headerHandle, cardHandles }: SampleHandles): Json[] {
  const { header, bodyText, footerText, limitedTimeOffer, carousel, examples } = parts;
  const isNamed = parts.parameterFormat === 'NAMED';
  const buttons = parts.buttons.filter(({ type }) => type !== 'CALL_REQUEST');
  const cards = carousel?.map((card, index) => ({
    components: [
      toMetaHeader(card.header, cardHandles?.[index], undefined, isNamed),
      ...bodyComponent(card.body_text, examples.cards?.[index]?.body, isNamed),
      ...buttonsComponent(card.buttons),
    ],
  }));
  return [
    ...(header ? [toMetaHeader(header, headerHandle, examples.header, isNamed)] : []),
    ...bodyComponent(bodyText, examples.body, isNamed),
    ...(limitedTimeOffer ? [{ type: 'LIMITED_TIME_OFFER', limited_time_offer: { ...limitedTimeOffer } }] : []),
    ...(footerText === '' ? [] : [{ type: 'FOOTER', text: footerText }]),
    ...buttonsComponent(buttons),
    ...(buttons.length < parts.buttons.length ? [{ type: 'CALL_PERMISSION_REQUEST' }] : []),
    ...(cards ? [{ type: 'CAROUSEL', cards }] : []),
  ];
}

/** Meta writes body and footer of these itself, and takes nothing but what they are made by. */
function authenticationComponents({ authentication, buttons }: TemplateParts): Json[] {
  const minutes = authentication?.code_expiration_minutes;
  return [
    { type: 'BODY', add_security_recommendation: authentication?.add_security_recommendation === true },
    ...(minutes ? [{ type: 'FOOTER', code_expiration_minutes: minutes }] : []),
    ...buttonsComponent(buttons),
  ];
}

function toMetaHeader(
  header: TemplateHeader,
  handle: string | null | undefined,
  examples: TemplateValues | undefined,
  isNamed: boolean,
): Json {
  if (header.type !== 'TEXT') {
    const hasSample = MEDIA_HEADERS.has(header.type) && handle;
    return { type: 'HEADER', format: header.type, ...(hasSample ? { example: { header_handle: [handle] } } : {}) };
  }
  const headerText = header.text ?? '';
  const values = valuesOf(headerText, examples);
  return {
    type: 'HEADER',
    format: 'TEXT',
    text: headerText,
    ...(values.length === 0
      ? {}
      : {
          example: isNamed ? { header_text_named_params: values.map(namedExample) } : { header_text: values.map(last) },
        }),
  };
}

function bodyComponent(bodyText: string, examples: TemplateValues | undefined, isNamed: boolean): Json[] {
  if (bodyText === '') {
    return [];
  }
  const values = valuesOf(bodyText, examples);
  const example = isNamed ? { body_text_named_params: values.map(namedExample) } : { body_text: [values.map(last)] };
  return [{ type: 'BODY', text: bodyText, ...(values.length === 0 ? {} : { example }) }];
}

function buttonsComponent(buttons: readonly Json[]): Json[] {
  return buttons.length === 0 ? [] : [{ type: 'BUTTONS', buttons: buttons.map(toMetaButton) }];
}

function toMetaButton(button: Json): Json {
  const { example, ...rest } = button;
  switch (button.type) {
    case 'URL':
      return variableNames(text(button.url)).length > 0 && example !== undefined ? { ...rest, example } : rest;
    case 'COPY_CODE':
      return { type: 'COPY_CODE', ...(example === undefined ? {} : { example }) };
    default:
      return rest;
  }
}

/** Each variable of a text with its example, in the order Meta wants; those without an example are left out. */
function valuesOf(template: string, examples: TemplateValues | undefined): [string, string][] {
  const names = variableNames(template);
  const ordered = Array.isArray(examples) ? names.sort((a, b) => Number(a) - Number(b)) : names;
  return ordered.flatMap((name, index): [string, string][] => {
    const value = Array.isArray(examples) ? examples[index] : examples?.[name];
    return value === undefined ? [] : [[name, value]];
  });
}

function namedExample([param_name, example]: [string, string]): Json {
  return { param_name, example };
}

function last([, value]: [string, string]): string {
  return value;
}

function finder(components: readonly Json[]): (type: string) => Json | undefined {
  return (type) => components.find((component) => text(component?.type).toUpperCase() === type);
}

function fromMetaHeader(header: Json): TemplateHeader {
  return {
    type: text(header.format).toUpperCase() || 'TEXT',
    ...(typeof header.text === 'string' ? { text: header.text } : {}),
  };
}

function fromMetaCard(find: (type: string) => Json | undefined): TemplateCard {
  return {
    header: fromMetaHeader(find('HEADER') ?? {}),
    body_text: text(find('BODY')?.text),
    buttons: objectsOf(find('BUTTONS')?.buttons).map(fromMetaButton),
  };
}

/** In the form in which we keep our own, so that a template reads the same before it went to Meta and after. */
export function fromMetaButton(button: Json): Json {
  const type = text(button.type).toUpperCase();
  const url = text(button.url);
  if (type === 'URL' && url.startsWith(OTP_URL)) {
    return otpButton(button, new URL(url).searchParams);
  }
  const { example, text: label, ...rest } = withoutAbsent(button);
  switch (type) {
    case 'REQUEST_CONTACT_INFO':
      return { type };
    case 'COPY_CODE': {
      const [first]: unknown[] = Array.isArray(example) ? example : [example];
      return { type, ...(first === undefined ? {} : { example: first }) };
    }
    default:
      return {
        ...rest,
        type,
        ...(label === undefined ? {} : { text: label }),
        ...(example === undefined ? {} : { example: Array.isArray(example) ? example : [example] }),
      };
  }
}

/** Meta stores the button of an authentication template as a URL that holds what it was made from. */
function otpButton(button: Json, query: URLSearchParams): Json {
  const [packageName, hash, autofill] = ['package_name', 'signature_hash', 'cta_display_name'].map((key) =>
    query.get(key),
  );
  const otpType = (query.get('otp_type') ?? 'COPY_CODE').toUpperCase();
  return {
    type: 'OTP',
    otp_type: otpType,
    ...(button.text === undefined ? {} : { text: button.text }),
    ...(autofill ? { autofill_text: autofill } : {}),
    ...(packageName && hash ? { supported_apps: [{ package_name: packageName, signature_hash: hash }] } : {}),
    ...(otpType === 'ZERO_TAP' ? { zero_tap_terms_accepted: true } : {}),
  };
}

function authenticationOf(
  body: Json | undefined,
  footer: Json | undefined,
  buttons: readonly Json[],
): { add_security_recommendation: boolean; code_expiration_minutes: number | null } | null {
  const minutes = footer?.code_expiration_minutes;
  const isAuthentication =
    body?.add_security_recommendation !== undefined ||
    minutes !== undefined ||
    buttons.some((button) => button.type === 'OTP');
  return isAuthentication
    ? {
        add_security_recommendation: body?.add_security_recommendation === true,
        code_expiration_minutes: typeof minutes === 'number' ? minutes : null,
      }
    : null;
}

function headerExamples(header: Json | undefined): TemplateValues | undefined {
  const example = isObject(header?.example) ? header.example : {};
  return namedExamples(example.header_text_named_params) ?? listOfTexts(example.header_text);
}

/** Meta's `body_text` is a list of one list; with one variable it may be the text alone. */
function bodyExamples(body: Json | undefined): TemplateValues | undefined {
  const example = isObject(body?.example) ? body.example : {};
  const { body_text: given } = example;
  const first = Array.isArray(given) && Array.isArray(given[0]) ? (given[0] as unknown) : given;
  return namedExamples(example.body_text_named_params) ?? listOfTexts(first);
}

function namedExamples(given: unknown): Record<string, string> | undefined {
  const pairs = objectsOf(given).map(({ param_name, example }) => [text(param_name), text(example)] as const);
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

function listOfTexts(given: unknown): string[] | undefined {
  const list = typeof given === 'string' ? [given] : given;
  return Array.isArray(list) && list.length > 0 ? list.map(text) : undefined;
}

function withBody(body: TemplateValues | undefined): { body?: TemplateValues } {
  return body ? { body } : {};
}
