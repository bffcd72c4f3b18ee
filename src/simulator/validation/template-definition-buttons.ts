import { badParam, templateRule } from '../graph/graph-error.js';
import { variablesOf } from '../state/template-model.js';
import { isJson, type Json } from './check.js';

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
  'APP',
  'REQUEST_CONTACT_INFO',
];
/** Meta: how many of a kind one template may have. */
const MOST: Record<string, number> = { URL: 2, PHONE_NUMBER: 1, COPY_CODE: 1, FLOW: 1, CATALOG: 1, MPM: 1 };
const MAX_BUTTONS = 10;
const MAX_LABEL = 25;
const MAX_URL = 2000;
const MAX_PHONE = 20;
/** Kinds whose label Meta writes itself. */
const WITHOUT_LABEL = ['COPY_CODE', 'REQUEST_CONTACT_INFO'];

/** Checks the BUTTONS component of a definition. Meta: README §A.5, row "buttons". */
export function checkDefinedButtons(component: Json | undefined): void {
  if (component === undefined) {
    return;
  }
  const { buttons } = component;
  if (!Array.isArray(buttons) || buttons.length === 0 || buttons.length > MAX_BUTTONS || !buttons.every(isJson)) {
    throw badParam(`Param buttons must be an array of 1 to ${MAX_BUTTONS} objects.`);
  }
  const types = buttons.map((button) => String(button.type).toUpperCase());
  types.forEach((type, index) => {
    if (!TYPES.includes(type)) {
      throw badParam(`Param buttons[${index}]['type'] must be one of {${TYPES.join(', ')}}.`);
    }
    checkButton(buttons[index] as Json, type, index);
  });
  for (const [type, most] of Object.entries(MOST)) {
    if (types.filter((each) => each === type).length > most) {
      throw badParam(`A template may have ${most} button(s) of type ${type} at most.`);
    }
  }
  const replies = types.map((type) => type === 'QUICK_REPLY');
  const changes = replies.filter((isReply, index) => index > 0 && isReply !== replies[index - 1]).length;
  if (changes > 1) {
    throw badParam('Quick reply buttons must stand together.');
  }
}

function checkButton(button: Json, type: string, index: number): void {
  const path = `buttons[${index}]`;
  if (!WITHOUT_LABEL.includes(type)) {
    limited(button.text, MAX_LABEL, `${path}['text']`);
  }
  if (type === 'PHONE_NUMBER') {
    limited(button.phone_number, MAX_PHONE, `${path}['phone_number']`);
  }
  if (type !== 'URL') {
    return;
  }
  const url = limited(button.url, MAX_URL, `${path}['url']`);
  const variables = variablesOf(url);
  if (!/^https?:\/\//.test(url) || variables.length > 1 || (variables.length === 1 && !/\}\}$/.test(url))) {
    throw badParam(`Param ${path}['url'] must be a URL with one variable at its end or none.`);
  }
  if (variables.length === 1 && !(Array.isArray(button.example) && button.example.length === 1)) {
    throw templateRule(2388043, 'Example missing', 'The variable of a URL needs an example.');
  }
}

function limited(value: unknown, max: number, path: string): string {
  if (typeof value !== 'string' || value === '') {
    throw badParam(`The parameter ${path} is required.`);
  }
  if (value.length > max) {
    throw templateRule(2388040, 'Character limit exceeded', `${path} has more than ${max} characters.`);
  }
  return value;
}
