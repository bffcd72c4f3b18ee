import { partsOf, variableNames } from './template-text.js';

export type ParameterFormat = 'POSITIONAL' | 'NAMED';

export interface TemplateHeader {
  /** TEXT, IMAGE, VIDEO, GIF, DOCUMENT, LOCATION or PRODUCT. */
  type: string;
  text?: string;
  /** Of a card: the library's file that it shows when a sender gives none. That of the template itself is `headerMediaId`. */
  media_id?: number;
}

/** One card of a carousel. */
export interface TemplateCard {
  header: TemplateHeader;
  body_text: string;
  buttons: Record<string, unknown>[];
}

export interface LimitedTimeOffer {
  text: string;
  has_expiration: boolean;
}

/** What Meta adds to the body it writes for an authentication template. */
export interface TemplateAuthentication {
  add_security_recommendation?: boolean;
  code_expiration_minutes?: number | null;
}

/** Sample values for Meta's review: lists by position, maps by name. */
export interface TemplateExamples {
  header?: TemplateValues;
  body?: TemplateValues;
  /** The body of each card, in order. */
  cards?: { body?: TemplateValues }[];
}

/** A template as those who send with it see it. */
export interface Template {
  id: number;
  accountId: number;
  name: string;
  language: string;
  category: string;
  status: string;
  parameterFormat: ParameterFormat;
  header: TemplateHeader | null;
  bodyText: string;
  footerText: string;
  /** Meta's own objects, or ours of the same form. */
  buttons: Record<string, unknown>[];
  limitedTimeOffer: LimitedTimeOffer | null;
  carousel: TemplateCard[] | null;
  /** The library's file that a media header shows when a sender gives none. */
  headerMediaId: number | null;
}

/** Values of a template's variables: a list by position, a map by position or name. */
export type TemplateValues = string[] | Record<string, string>;

/** What fills one button. Which of the values it takes is told by its kind. */
export interface TemplateButtonValue {
  /** Position of the button, from 0. */
  index: number;
  /** `quick_reply`, `url`, `copy_code`, `flow`, `catalog`, `mpm`, `voice_call` or `order_details`; by our copy when left out. */
  sub_type?: string;
  /** Of a quick reply: what its answer carries. */
  payload?: string;
  /** The end of a URL, or the code of an authentication template. */
  text?: string;
  coupon_code?: string;
  flow_token?: string;
  flow_action_data?: Record<string, unknown>;
  thumbnail_product_retailer_id?: string;
  /** Products of an mpm button: up to 30 in up to 10 sections. */
  sections?: { title?: string; product_retailer_ids: string[] }[];
  /** Meta's own `action` of a flow, catalog, mpm or order_details button, instead of the fields above. */
  action?: Record<string, unknown>;
}

/** What fills one card of a carousel. */
export interface TemplateCardParams {
  header?: TemplateValues;
  body?: TemplateValues;
  buttons?: TemplateButtonValue[];
}

/** What a sender fills a template with, by the names of the API. */
export interface TemplateParams {
  body?: TemplateValues;
  /**
   * A text header takes texts. A media header takes one value: a link, a media id of Meta's or the id of a file of the
   * library (also as `{link}`, `{id}`, and `filename` of a document). A location header takes `{latitude, longitude, name,
   * address}`, a product header `{product_retailer_id, catalog_id}`.
   */
  header?: TemplateValues;
  buttons?: TemplateButtonValue[];
  /** In the order of the template's cards. */
  cards?: TemplateCardParams[];
  /** A moment as ISO-8601, or milliseconds since 1970. */
  limited_time_offer?: { expiration_time_ms: number | string };
}

/**
 * The variables of header and body, each once: positions ('1', '2' …) in numeric order, names in order of appearance.
 * A header that is no text has none.
 */
export function variablesOf(template: Pick<Template, 'parameterFormat' | 'header' | 'bodyText'>): {
  header: string[];
  body: string[];
} {
  const ordered = (text: string): string[] => {
    const names = variableNames(text);
    return template.parameterFormat === 'NAMED' ? names : names.sort(byPosition);
  };
  return {
    header: template.header?.type === 'TEXT' ? ordered(template.header.text ?? '') : [],
    body: ordered(template.bodyText),
  };
}

/** What the inbox shows as `message_body`: the body with its values; a variable without a value stays as it is written. */
export function renderBody(
  template: Pick<Template, 'parameterFormat' | 'header' | 'bodyText'>,
  values: TemplateValues | undefined,
): string {
  return compileBody(template)(values);
}

/** The same for many messages of one template. */
export function compileBody(
  template: Pick<Template, 'parameterFormat' | 'header' | 'bodyText'>,
): (values: TemplateValues | undefined) => string {
  const parts = partsOf(template.bodyText);
  const { body: names } = variablesOf(template);
  const pieces = parts.map((part) =>
    'text' in part
      ? { text: part.text, name: '', at: -1 }
      : { text: `{{${part.variable}}}`, name: part.variable, at: names.indexOf(part.variable) },
  );
  return (values) => {
    let body = '';
    for (const { text, name, at } of pieces) {
      const value = at < 0 ? undefined : Array.isArray(values) ? values[at] : ownValue(values, name);
      body += value ?? text;
    }
    return body;
  };
}

/** Whether it is the name of a positional variable. */
export function isPosition(name: string): boolean {
  return /^[1-9]\d{0,3}$/.test(name);
}

function ownValue(values: Record<string, string> | undefined, name: string): string | undefined {
  return values && Object.hasOwn(values, name) ? values[name] : undefined;
}

/** Positions first, by number; names after them, as they were. */
function byPosition(a: string, b: string): number {
  const number = (name: string): number => (isPosition(name) ? Number(name) : Number.MAX_SAFE_INTEGER);
  return number(a) - number(b);
}
