import type { Fields } from '../fields.js';
import type { Json } from '../validation/check.js';
import type { MakeContent } from './occasion.js';

const FLOW_TOKEN = 'unused';
const PERMISSION_S = 7 * 24 * 60 * 60;

/** The tap on a quick reply of a template. Meta: the payload is the label unless the send gave another. */
export function readButton(fields: Fields): MakeContent {
  const wasNotRequested = fields.flag('did_not_request_code') ?? false;
  const text = fields.text('text') ?? (wasNotRequested ? "I didn't request a code" : 'Show me');
  const payload = fields.text('payload') ?? (wasNotRequested ? 'DID_NOT_REQUEST_CODE' : text);
  const given = fields.object('button');
  return ({ shown }) => ({
    message: {
      type: 'button',
      button: { payload, text, ...given },
      ...(wasNotRequested ? { from_logical_id: `13${(shown.waId || shown.userId.slice(3)).padStart(13, '0')}` } : {}),
    },
  });
}

/** What an answer to an interactive message says, by its kind. */
const REPLIES: Record<string, (fields: Fields) => Json> = {
  button_reply: (fields) => ({ id: 'yes', title: 'Yes', ...fields.object('button_reply') }),
  list_reply: (fields) => ({
    id: 'express',
    title: 'Express',
    description: 'Tomorrow before noon',
    ...fields.object('list_reply'),
  }),
  nfm_reply: readFlowReply,
  call_permission_reply: readCallPermission,
};
/** Words of the control call for the kinds of Meta. */
const KINDS: Record<string, string> = { flow_reply: 'nfm_reply', address_reply: 'nfm_reply' };

/** Reads the answer to an interactive message: `type` is its kind, or `interactive` beside an object named by its kind. */
export function readInteractive(fields: Fields, type: string): MakeContent {
  const given = type === 'interactive' ? Object.keys(REPLIES).find((key) => fields.has(key)) : undefined;
  const kind = given ?? KINDS[type] ?? type;
  if (kind === 'interactive' && fields.has('value_errors')) {
    // Meta: the object may be missing when something went wrong.
    return () => ({ message: { type: 'interactive' } });
  }
  const read = type === 'address_reply' ? readAddressReply : REPLIES[kind];
  if (read === undefined) {
    fields.problem(`type interactive needs one of ${Object.keys(REPLIES).join(', ')}`);
    return () => ({ message: {} });
  }
  const reply = read(fields);
  return () => ({ message: { type: 'interactive', interactive: { type: kind, [kind]: reply } } });
}

/** Meta: `response_json` is JSON inside a string, and repeats the token of the flow. */
function readFlowReply(fields: Fields): Json {
  const flow_token = fields.text('flow_token') ?? FLOW_TOKEN;
  const response = fields.object('response') ?? {};
  const { response_json: json, ...given } = fields.object('nfm_reply') ?? {};
  const response_json = json === undefined ? { flow_token, ...response } : json;
  return {
    name: 'flow',
    body: 'Sent',
    response_json: typeof response_json === 'string' ? response_json : JSON.stringify(response_json),
    ...given,
  };
}

function readAddressReply(fields: Fields): Json {
  const values = {
    name: 'Asha Rao',
    phone_number: '+919876500001',
    in_pin_code: '110001',
    address: '12 Example Road',
    city: 'New Delhi',
    ...fields.object('response'),
  };
  const lines = [values.name, values.phone_number, `${values.in_pin_code}, ${values.address}, ${values.city}`];
  return { name: 'address_message', body: lines.join('\n '), response_json: JSON.stringify({ values }) };
}

function readCallPermission(fields: Fields): Json {
  const response = fields.word('response', ['accept', 'reject'], 'accept');
  const isPermanent = fields.flag('is_permanent') ?? false;
  const given = fields.object('call_permission_reply');
  const until = isPermanent ? {} : { expiration_timestamp: Math.floor(Date.now() / 1000) + PERMISSION_S };
  const accepted = response === 'accept' ? { is_permanent: isPermanent, ...until } : {};
  return { response, ...accepted, response_source: 'user_action', ...given };
}

export function readOrder(fields: Fields): MakeContent {
  const order = {
    catalog_id: '500000000000009',
    text: '',
    product_items: [{ product_retailer_id: 'TEA-250', quantity: 2, item_price: 149.5, currency: 'INR' }],
    ...fields.object('order'),
  };
  return () => ({ message: { type: 'order', order } });
}
