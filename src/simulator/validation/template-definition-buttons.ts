import { badParam, templateRule } from '../graph/graph-error.js';
import { variablesOf } from '../state/template-model.js';
import { isJson, type Json } from './check.js';
import { isPlain } from './template-definition-texts.js';

const TYPES = [
  'QUICK_REPLY',
  'URL',
  'PHONE_NUMBER',
  'COPY_CODE',
  'FLOW',
  'CATALOG',
  'MPM',
  'SPM',
  'VOICE_CALL',
  'ORDER_DETAILS',
  'APP',
  'REQUEST_CONTACT_INFO',
];
/** Meta: how many of a kind one template may have. */
const MOST: Record<string, number> = {
  URL: 2,
  PHONE_NUMBER: 1,
  COPY_CODE: 1,
  FLOW: 1,
  VOICE_CALL: 1,
  REQUEST_CONTACT_INFO: 1,
};
/** Meta: a single button of such a kind makes up the template. */
const SINGLE = ['CATALOG', 'MPM', 'SPM', 'ORDER_DETAILS'];
const COMMERCE = ['CATALOG', 'MPM', 'SPM'];
const MAX_BUTTONS = 10;
const MAX_LABEL = 25;
const MAX_URL = 2000;
const MAX_PHONE = 20;
const MAX_COUPON = 20;
/** Kinds whose label Meta writes itself. */
const WITHOUT_LABEL = ['COPY_CODE', 'REQUEST_CONTACT_INFO'];

/** The types of the buttons of a BUTTONS component, in capitals. */
export function typesOf(component: Json | undefined): string[] {
  const buttons = component?.buttons;
  return Array.isArray(buttons) ? buttons.filter(isJson).map((button) => String(button.type).toUpperCase()) : [];
}

/** Checks the BUTTONS component of a definition. Meta: README §A.5, row "buttons". */
export function checkDefinedButtons(component: Json | undefined, category: string): void {
  if (component === undefined) {
    return;
  }
  const { buttons } = component;
  if (!Array.isArray(buttons) || buttons.length === 0 || buttons.length > MAX_BUTTONS || !buttons.every(isJson)) {
    throw badParam(`Param buttons must be an array of 1 to ${MAX_BUTTONS} objects.`);
  }
  const types = typesOf(component);
  types.forEach((type, index) => {
    if (!TYPES.includes(type)) {
      throw badParam(`Param buttons[${index}]['type'] must be one of {${TYPES.join(', ')}}.`);
    }
    if (COMMERCE.includes(type) && category !== 'MARKETING') {
      throw badParam(`A button of type ${type} is supported for category MARKETING only.`);
    }
    checkButton(buttons[index] as Json, type, index);
  });
  checkMix(types);
}

/** Text that must be there, with a limit. */
export function limited(value: unknown, max: number, path: string): string {
  if (typeof value !== 'string' || value === '') {
    throw badParam(`The parameter ${path} is required.`);
  }
  if (value.length > max) {
    throw templateRule(2388040, 'Character limit exceeded', `${path} has more than ${max} characters.`);
  }
  return value;
}

export function checkLabel(value: unknown, path: string): void {
  const label = limited(value, MAX_LABEL, path);
  if (/\{\{|\}\}/.test(label) || !isPlain(label)) {
    throw badParam("Buttons can't have any variables, newlines, emojis, or formatting characters.");
  }
}

function checkMix(types: string[]): void {
  for (const [type, most] of Object.entries(MOST)) {
    if (types.filter((each) => each === type).length > most) {
      throw badParam(`A template may have ${most} button(s) of type ${type} at most.`);
    }
  }
  const single = types.find((type) => SINGLE.includes(type));
  if (single !== undefined && types.length > 1) {
    throw badParam(`A button of type ${single} cannot be combined with other buttons.`);
  }
  const replies = types.map((type) => type === 'QUICK_REPLY');
  const changes = replies.filter((isReply, index) => index > 0 && isReply !== replies[index - 1]).length;
  if (changes > 1) {
    throw badParam('Invalid combination of buttons: quick reply buttons must stand together.');
  }
}

function checkButton(button: Json, type: string, index: number): void {
  const path = `buttons[${index}]`;
  if (!WITHOUT_LABEL.includes(type)) {
    checkLabel(button.text, `${path}['text']`);
  }
  switch (type) {
    case 'PHONE_NUMBER':
      checkPhone(limited(button.phone_number, MAX_PHONE, `${path}['phone_number']`), path);
      return;
    case 'COPY_CODE': {
      const [code]: unknown[] = Array.isArray(button.example) ? button.example : [button.example];
      limited(code, MAX_COUPON, `${path}['example']`);
      return;
    }
    case 'FLOW':
      if ([button.flow_id, button.flow_name, button.flow_json].filter(Boolean).length !== 1) {
        throw badParam(`Param ${path} must have exactly one of flow_id, flow_name and flow_json.`);
      }
      return;
    case 'URL':
      checkUrl(button, path);
      return;
    default:
  }
}

function checkPhone(phone: string, path: string): void {
  const digits = phone.replace(/\D/g, '').length;
  if (!/^\+?[\d ().-]+$/.test(phone) || digits < 5 || digits > 15) {
    throw badParam(`Param ${path}['phone_number'] is not a valid phone number.`);
  }
}

function checkUrl(button: Json, path: string): void {
  const url = limited(button.url, MAX_URL, `${path}['url']`);
  const variables = variablesOf(url);
  const filled = url.replace(/\{\{\s*\w+\s*\}\}$/, 'x');
  if (!/^https?:\/\/[^\s/]+\S*$/i.test(filled) || /\{\{|\}\}/.test(filled) || !URL.canParse(filled)) {
    throw badParam(`Param ${path}['url'] must be a URL with one variable at its end or none.`);
  }
  if (/^(wa\.me|(api|chat)\.whatsapp\.com)$/i.test(new URL(filled).hostname)) {
    throw badParam("Buttons can't have direct links to WhatsApp.");
  }
  const { example } = button;
  const [first]: unknown[] = Array.isArray(example) ? example : [example];
  const isOne = typeof first === 'string' && first !== '' && !(Array.isArray(example) && example.length !== 1);
  if (variables.length === 1 && !isOne) {
    throw templateRule(2388043, 'Example missing', 'The variable of a URL needs an example.');
  }
}
