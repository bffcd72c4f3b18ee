import type { Findings } from './template-findings.js';
import { lintPlainText } from './template-lint-texts.js';
import {
  BUTTON_TYPES,
  isObject,
  MAX_APPS,
  MAX_BUTTON_LABEL,
  MAX_BUTTON_PHONE,
  MAX_BUTTON_URL,
  MAX_COUPON,
  OTP_TYPES,
  text,
  type Json,
} from './template-parts.js';
import { partsOf } from './template-text.js';

/** Buttons whose label Meta writes itself. */
const LABELLED_BY_META = new Set(['COPY_CODE', 'OTP', 'REQUEST_CONTACT_INFO', 'CALL_REQUEST']);
/** How many of a kind one template may have; of the others there is no limit but that of all. */
const MOST: Readonly<Record<string, number>> = {
  URL: 2,
  PHONE_NUMBER: 1,
  COPY_CODE: 1,
  FLOW: 1,
  VOICE_CALL: 1,
  REQUEST_CONTACT_INFO: 1,
};
/** What fills the whole message and bears no other button. */
const ALONE = new Set(['CATALOG', 'MPM', 'SPM', 'CALL_REQUEST', 'ORDER_DETAILS', 'OTP']);
const ONLY_MARKETING = new Set(['CATALOG', 'MPM', 'SPM']);
const KNOWN = new Set<string>(BUTTON_TYPES);
/** Meta: "Buttons can't have direct links to WhatsApp". */
const WHATSAPP_HOSTS = /^(wa\.me|(api|chat)\.whatsapp\.com)$/i;
const PACKAGE = /^[A-Za-z]\w*(\.[A-Za-z]\w*)+$/;
const HASH = /^[A-Za-z0-9+/=]{11}$/;

/** The rules for the buttons of a template that is no authentication template, or of one card. */
export function lintButtons(findings: Findings, field: string, buttons: readonly Json[], category: string): void {
  const types = buttons.map((button) => text(button.type));
  buttons.forEach((button, index) => lintButton(findings, `${field}.${index}`, button, category));
  for (const [type, most] of Object.entries(MOST)) {
    if (types.filter((each) => each === type).length > most) {
      findings.wrong(field, 'button_limit', `may have ${most} of type ${type}`);
    }
  }
  const lonely = types.find((type) => ALONE.has(type));
  if (lonely !== undefined && types.length > 1) {
    findings.wrong(field, 'button_alone', `has a button of type ${lonely}, which must be the only one`);
  }
  const isReply = types.map((type) => type === 'QUICK_REPLY');
  if (isReply.filter((each, index) => index > 0 && each !== isReply[index - 1]).length > 1) {
    findings.wrong(field, 'button_order', 'must have the quick replies together, before or after all others');
  }
}

/** The one button of an authentication template. */
export function lintOtp(findings: Findings, buttons: readonly Json[]): void {
  const [button] = buttons;
  if (buttons.length !== 1 || text(button?.type) !== 'OTP') {
    findings.wrong('buttons', 'authentication_buttons', 'must be exactly one button of type OTP');
    return;
  }
  const { otp_type, text: label, autofill_text, supported_apps, zero_tap_terms_accepted } = button as Json;
  const field = 'buttons.0';
  if (!OTP_TYPES.some((type) => type === otp_type)) {
    findings.wrong(`${field}.otp_type`, 'otp_type', `must be one of ${OTP_TYPES.join(', ')}`);
  }
  lintLabel(findings, `${field}.text`, text(label));
  lintLabel(findings, `${field}.autofill_text`, text(autofill_text));
  if (otp_type === 'ONE_TAP' || otp_type === 'ZERO_TAP') {
    lintApps(findings, `${field}.supported_apps`, supported_apps);
  }
  if (otp_type === 'ZERO_TAP' && zero_tap_terms_accepted !== true) {
    findings.wrong(
      `${field}.zero_tap_terms_accepted`,
      'zero_tap_terms',
      'must be true: Meta makes a zero-tap template only for those who accept its terms',
    );
  }
}

function lintButton(findings: Findings, field: string, button: Json, category: string): void {
  const type = text(button.type);
  if (!KNOWN.has(type)) {
    findings.wrong(`${field}.type`, 'button_type', `must be one of ${BUTTON_TYPES.join(', ')}`);
    return;
  }
  if (type === 'OTP') {
    findings.wrong(`${field}.type`, 'button_category', 'is for authentication templates (category AUTHENTICATION)');
  }
  if (ONLY_MARKETING.has(type) && category !== 'MARKETING') {
    findings.wrong(`${field}.type`, 'button_category', `${type} is for marketing templates (category MARKETING)`);
  }
  const label = text(button.text);
  if (label === '' && !LABELLED_BY_META.has(type)) {
    findings.wrong(`${field}.text`, 'required', `is required in a button of type ${type}`);
  }
  lintLabel(findings, `${field}.text`, label);
  switch (type) {
    case 'URL':
      lintUrl(findings, field, button);
      return;
    case 'PHONE_NUMBER':
      lintPhone(findings, `${field}.phone_number`, text(button.phone_number));
      return;
    case 'COPY_CODE':
      lintCoupon(findings, `${field}.example`, button.example);
      return;
    case 'FLOW':
      if (!button.flow_id && !button.flow_name && !button.flow_json) {
        findings.wrong(
          `${field}.flow_id`,
          'required',
          'is required in a button of type FLOW (or flow_name, or flow_json)',
        );
      }
      return;
    default:
  }
}

function lintLabel(findings: Findings, field: string, label: string): void {
  if (/\{\{|\}\}/.test(label)) {
    findings.wrong(field, 'label_variable', 'must not have variables');
  }
  lintPlainText(findings, field, label);
  findings.tooLong(field, label, MAX_BUTTON_LABEL);
}

function lintUrl(findings: Findings, field: string, button: Json): void {
  const url = text(button.url);
  if (url === '') {
    findings.wrong(`${field}.url`, 'required', 'is required in a button of type URL');
    return;
  }
  findings.tooLong(`${field}.url`, url, MAX_BUTTON_URL);
  const parts = partsOf(url);
  const variables = parts.filter((part) => 'variable' in part).length;
  const isLast = variables === 0 || 'variable' in (parts[parts.length - 1] ?? {});
  if (variables > 1 || !isLast || parts.some((part) => 'text' in part && /[{}]{2}/.test(part.text))) {
    findings.wrong(
      `${field}.url`,
      'url_variable',
      'may have one variable, at its end: https://example.com/orders/{{1}}',
    );
  }
  const plain = parts.map((part) => ('text' in part ? part.text : 'x')).join('');
  if (!/^https?:\/\/[^\s/]+\S*$/i.test(plain) || !URL.canParse(plain)) {
    findings.wrong(`${field}.url`, 'url_form', 'must be a URL that begins with https:// or http://');
  } else if (WHATSAPP_HOSTS.test(new URL(plain).hostname)) {
    findings.wrong(`${field}.url`, 'url_whatsapp', 'must not lead to WhatsApp: use a quick reply');
  }
  lintUrlExample(findings, `${field}.example`, button.example, variables > 0);
}

function lintUrlExample(findings: Findings, field: string, example: unknown, hasVariable: boolean): void {
  if (example === undefined || example === null) {
    if (hasVariable) {
      findings.unfinished(field, 'example_missing', 'must show the URL with a value in the place of its variable');
    }
    return;
  }
  const list: unknown[] = Array.isArray(example) ? example : [example];
  if (list.length !== 1 || typeof list[0] !== 'string' || list[0] === '') {
    findings.wrong(field, 'example_form', 'must be one text: the URL with a value in the place of its variable');
  }
}

function lintPhone(findings: Findings, field: string, phone: string): void {
  if (phone === '') {
    findings.wrong(field, 'required', 'is required in a button of type PHONE_NUMBER');
    return;
  }
  findings.tooLong(field, phone, MAX_BUTTON_PHONE);
  const digits = phone.replace(/\D/g, '').length;
  if (!/^\+?[0-9][0-9 ().-]*$/.test(phone) || digits < 5 || digits > 15) {
    findings.wrong(field, 'phone_form', 'must be a phone number with its country code, such as +919876500001');
  }
}

function lintCoupon(findings: Findings, field: string, example: unknown): void {
  const [code]: unknown[] = Array.isArray(example) ? example : [example];
  if (code === undefined || code === null || code === '') {
    findings.unfinished(field, 'example_missing', 'must be a sample of the code that is copied');
    return;
  }
  if (typeof code !== 'string') {
    findings.wrong(field, 'example_form', 'must be a text');
    return;
  }
  findings.tooLong(field, code, MAX_COUPON);
}

function lintApps(findings: Findings, field: string, apps: unknown): void {
  if (!Array.isArray(apps) || apps.length === 0 || apps.length > MAX_APPS) {
    findings.wrong(field, 'supported_apps', `must name 1 to ${MAX_APPS} apps: [{package_name, signature_hash}]`);
    return;
  }
  apps.forEach((app: unknown, index) => {
    const { package_name, signature_hash } = isObject(app) ? app : {};
    const name = text(package_name);
    if (!PACKAGE.test(name) || name.length > 224) {
      findings.wrong(
        `${field}.${index}.package_name`,
        'package_name',
        'must be an Android package, such as com.example.app',
      );
    }
    if (!HASH.test(text(signature_hash))) {
      findings.wrong(
        `${field}.${index}.signature_hash`,
        'signature_hash',
        'must be the 11 characters of the app signing key hash',
      );
    }
  });
}
