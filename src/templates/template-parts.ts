import type {
  LimitedTimeOffer,
  ParameterFormat,
  TemplateAuthentication,
  TemplateCard,
  TemplateExamples,
  TemplateHeader,
} from './template.js';

/** An object out of JSON. */
export type Json = Record<string, unknown>;

export const CATEGORIES = ['MARKETING', 'UTILITY', 'AUTHENTICATION'] as const;
export const HEADER_TYPES = ['TEXT', 'IMAGE', 'VIDEO', 'GIF', 'DOCUMENT', 'LOCATION', 'PRODUCT'] as const;
export const CARD_HEADER_TYPES = ['IMAGE', 'VIDEO', 'PRODUCT'] as const;
export const PARAMETER_FORMATS = ['POSITIONAL', 'NAMED'] as const;
export const OTP_TYPES = ['COPY_CODE', 'ONE_TAP', 'ZERO_TAP'] as const;
/** Meta's button types; CALL_REQUEST is the name of the predecessor's editor for Meta's call permission request. */
export const BUTTON_TYPES = [
  'QUICK_REPLY',
  'URL',
  'PHONE_NUMBER',
  'COPY_CODE',
  'OTP',
  'FLOW',
  'CATALOG',
  'MPM',
  'SPM',
  'VOICE_CALL',
  'CALL_REQUEST',
  'REQUEST_CONTACT_INFO',
  'ORDER_DETAILS',
] as const;

/** Headers that show a file, of which Meta's review wants to see one. */
export const MEDIA_HEADERS: ReadonlySet<string> = new Set(['IMAGE', 'VIDEO', 'GIF', 'DOCUMENT']);

/** Source of all limits: Meta's template pages (components, limited-time offers, carousels, authentication, time-to-live). */
export const MAX_NAME = 512;
export const MAX_HEADER = 60;
export const MAX_BODY = 1_024;
export const MAX_OFFER_BODY = 600;
export const MAX_CARD_BODY = 160;
export const MAX_FOOTER = 60;
export const MAX_BUTTONS = 10;
export const MAX_BUTTON_LABEL = 25;
export const MAX_BUTTON_URL = 2_000;
export const MAX_BUTTON_PHONE = 20;
export const MAX_COUPON = 20;
export const MAX_OFFER = 16;
export const MIN_CARDS = 2;
export const MAX_CARDS = 10;
export const MAX_CARD_BUTTONS = 2;
export const MAX_APPS = 5;

/** The parts a template is made of, as people edit them. */
export interface TemplateParts {
  category: string;
  parameterFormat: ParameterFormat;
  header: TemplateHeader | null;
  /** Of an authentication template: the text that Meta writes. */
  bodyText: string;
  footerText: string;
  buttons: Json[];
  limitedTimeOffer: LimitedTimeOffer | null;
  carousel: TemplateCard[] | null;
  authentication: TemplateAuthentication | null;
  examples: TemplateExamples;
  messageSendTtlSeconds: number | null;
  /** The library's file that is the sample of a media header. */
  headerMediaId: number | null;
}

/** What a template is made from: its parts, and what it is called. */
export interface TemplateInput extends TemplateParts {
  name: string;
  language: string;
}

export const EMPTY_PARTS: Readonly<Omit<TemplateParts, 'category'>> = {
  parameterFormat: 'POSITIONAL',
  header: null,
  bodyText: '',
  footerText: '',
  buttons: [],
  limitedTimeOffer: null,
  carousel: null,
  authentication: null,
  examples: {},
  messageSendTtlSeconds: null,
  headerMediaId: null,
};

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function isObject(value: unknown): value is Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

export function objectsOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Without the members that are absent; of a class instance (a request) a plain object. */
export function withoutAbsent(given: object): Json {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null));
}
