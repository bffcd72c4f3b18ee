import { badParam, templateRule } from '../graph/graph-error.js';
import { component } from '../state/template-model.js';
import { isJson, type Json } from './check.js';
import { checkDefinedButtons, checkLabel, limited, typesOf } from './template-definition-buttons.js';
import { checkBody, checkHeader } from './template-definition-texts.js';

const MAX_OFFER = 16;
const MAX_CARD_BODY = 160;
const MAX_CARD_BUTTONS = 2;
const MAX_APPS = 5;
const MAX_CODE_MINUTES = 90;
const OTP_TYPES = ['COPY_CODE', 'ONE_TAP', 'ZERO_TAP'];
const AUTH_COMPONENTS = ['BODY', 'FOOTER', 'BUTTONS'];
const CARD_COMPONENTS = ['HEADER', 'BODY', 'BUTTONS'];
const AUTH_BODY = '*{{1}}* is your verification code.';
const AUTH_ADVICE = ' For your security, do not share this code.';

/** Meta: limited-time-offer templates: short text, image or video header, a copy code button and then a URL button. */
export function checkOffer(given: Json[]): void {
  const part = component(given, 'LIMITED_TIME_OFFER');
  if (part === undefined) {
    return;
  }
  const offer = part.limited_time_offer;
  if (!isJson(offer)) {
    throw badParam('The parameter limited_time_offer is required.');
  }
  limited(offer.text, MAX_OFFER, "limited_time_offer['text']");
  if (offer.has_expiration !== undefined && typeof offer.has_expiration !== 'boolean') {
    throw badParam("Param limited_time_offer['has_expiration'] must be a boolean.");
  }
  const header = component(given, 'HEADER');
  if (header !== undefined && !['IMAGE', 'VIDEO'].includes(String(header.format).toUpperCase())) {
    throw badParam('A limited-time offer takes a header of format IMAGE or VIDEO.');
  }
  const types = typesOf(component(given, 'BUTTONS')).join();
  if (!['COPY_CODE,URL', 'COPY_CODE', 'URL'].includes(types)) {
    throw badParam('A limited-time offer takes a COPY_CODE button followed by a URL button.');
  }
}

/** Meta: media card and product card carousels. */
export function checkCards(carousel: Json | undefined, isNamed: boolean, category: string): void {
  if (carousel === undefined) {
    return;
  }
  const { cards } = carousel;
  if (!Array.isArray(cards) || cards.length < 2 || cards.length > 10 || !cards.every(isJson)) {
    throw badParam('Param cards must be an array of 2 to 10 cards.');
  }
  const kinds = cards.map((card, index) => checkCard(card, index, isNamed, category));
  if (new Set(kinds).size > 1) {
    throw badParam('Param cards must have the same components on each card.');
  }
}

function checkCard(card: Json, index: number, isNamed: boolean, category: string): string {
  const parts = Array.isArray(card.components) ? card.components.filter(isJson) : [];
  const types = parts.map((part) => String(part.type).toUpperCase());
  const header = component(parts, 'HEADER');
  const format = String(header?.format).toUpperCase();
  if (!['IMAGE', 'VIDEO', 'PRODUCT'].includes(format) || types.some((type) => !CARD_COMPONENTS.includes(type))) {
    throw badParam(
      `Param cards[${index}] needs a header of format IMAGE, VIDEO or PRODUCT, and takes BODY and BUTTONS.`,
    );
  }
  checkHeader(header, isNamed);
  const body = component(parts, 'BODY');
  if (body !== undefined) {
    checkBody(body, MAX_CARD_BODY, isNamed);
  }
  const buttons = component(parts, 'BUTTONS');
  const kinds = typesOf(buttons);
  const [most, allowed] =
    format === 'PRODUCT' ? [1, ['SPM', 'URL']] : [MAX_CARD_BUTTONS, ['QUICK_REPLY', 'URL', 'PHONE_NUMBER']];
  if (kinds.length > most || kinds.some((kind) => !allowed.includes(kind))) {
    throw badParam(`Param cards[${index}] takes up to ${most} buttons of {${allowed.join(', ')}}.`);
  }
  checkDefinedButtons(buttons, category);
  return [format, ...types.sort(), ...kinds].join();
}

/**
 * Checks the components of an authentication template and answers what Meta keeps of them: its own text, and the OTP button
 * as a URL.
 */
export function authComponents(given: Json[]): Json[] {
  const stray = given.find((part) => !AUTH_COMPONENTS.includes(String(part.type).toUpperCase()));
  const body = component(given, 'BODY');
  const footer = component(given, 'FOOTER');
  if (stray !== undefined || body?.text !== undefined || footer?.text !== undefined) {
    throw templateRule(2388072, 'Message body format is incorrect', 'Authentication templates have a fixed text.');
  }
  const advice = body?.add_security_recommendation;
  if (advice !== undefined && typeof advice !== 'boolean') {
    throw badParam('Param add_security_recommendation must be a boolean.');
  }
  const minutes = footer?.code_expiration_minutes;
  if (
    footer !== undefined &&
    !(Number.isInteger(minutes) && Number(minutes) >= 1 && Number(minutes) <= MAX_CODE_MINUTES)
  ) {
    throw badParam(`Param code_expiration_minutes must be between 1 and ${MAX_CODE_MINUTES}.`);
  }
  return [
    {
      ...body,
      type: 'BODY',
      text: AUTH_BODY + (advice === true ? AUTH_ADVICE : ''),
      example: { body_text: [['123456']] },
    },
    ...(footer === undefined
      ? []
      : [{ ...footer, type: 'FOOTER', text: `This code expires in ${String(minutes)} minutes.` }]),
    { type: 'BUTTONS', buttons: [keptOtp(otpOf(component(given, 'BUTTONS')))] },
  ];
}

interface Otp {
  otpType: string;
  label: string;
  autofill: string | undefined;
  app: { name: string; hash: string } | undefined;
}

function otpOf(component: Json | undefined): Otp {
  const buttons = Array.isArray(component?.buttons) ? component.buttons.filter(isJson) : [];
  const [button] = buttons;
  const otpType = String(button?.otp_type).toUpperCase();
  if (button === undefined || buttons.length !== 1 || String(button.type).toUpperCase() !== 'OTP') {
    throw badParam('An authentication template needs exactly one OTP button.');
  }
  if (!OTP_TYPES.includes(otpType)) {
    throw badParam(`Param otp_type must be one of {${OTP_TYPES.join(', ')}}.`);
  }
  for (const key of ['text', 'autofill_text']) {
    if (button[key] !== undefined) {
      checkLabel(button[key], `buttons[0]['${key}']`);
    }
  }
  if (otpType === 'ZERO_TAP' && button.zero_tap_terms_accepted !== true) {
    throw badParam('Param zero_tap_terms_accepted must be true.');
  }
  return {
    otpType,
    label: typeof button.text === 'string' ? button.text : 'Copy code',
    autofill: typeof button.autofill_text === 'string' ? button.autofill_text : undefined,
    app: otpType === 'COPY_CODE' ? undefined : appOf(button.supported_apps),
  };
}

function appOf(apps: unknown): { name: string; hash: string } {
  if (!Array.isArray(apps) || apps.length === 0 || apps.length > MAX_APPS || !apps.every(isJson)) {
    throw badParam(`Param supported_apps must be an array of 1 to ${MAX_APPS} objects.`);
  }
  const read = apps.map(({ package_name, signature_hash }) => {
    const [name, hash] = [String(package_name), String(signature_hash)];
    if (!/^[A-Za-z]\w*(\.[A-Za-z]\w*)+$/.test(name) || name.length > 224) {
      throw badParam('Param package_name must be an Android package name.');
    }
    if (!/^[A-Za-z0-9+/=]{11}$/.test(hash)) {
      throw badParam('Param signature_hash must be exactly 11 characters long.');
    }
    return { name, hash };
  });
  return read[0] as { name: string; hash: string };
}

function keptOtp({ otpType, label, autofill, app }: Otp): Json {
  const query = new URLSearchParams({
    otp_type: otpType,
    ...(autofill === undefined ? {} : { cta_display_name: autofill }),
    ...(app === undefined ? {} : { package_name: app.name, signature_hash: app.hash }),
  });
  const url = `https://www.whatsapp.com/otp/code/?${query.toString()}&code=otp`;
  return { type: 'URL', text: label, url: `${url}{{1}}`, example: [`${url}123456`] };
}
