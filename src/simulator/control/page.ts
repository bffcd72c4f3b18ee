import { magicTable } from '../magic-numbers.js';
import type { World } from '../world.js';

/** `GET /`: how to play a conversation with curl, and what the magic numbers do. */
export function page(world: World): string {
  const url = world.ownUrl;
  const number = world.registry.firstNumber?.id ?? 'PHONE_NUMBER_ID';
  return `Parley's simulator of Meta's Graph API. Nothing here reaches WhatsApp; everything lives in memory.

Webhooks go to: ${world.config.callback_url || 'nowhere yet (set callback_url)'}

Play a conversation
  A customer writes:
    curl -s ${url}/__simulate/inbound -d '{"from":"+919876500001","name":"Asha","text":"Namaste!"}'
  The business answers (any token will do; unknown phone number ids are registered on first use):
    curl -s ${url}/v25.0/${number}/messages -H 'authorization: Bearer demo' -H 'content-type: application/json' \\
      -d '{"messaging_product":"whatsapp","to":"+919876500001","type":"text","text":{"body":"How can we help?"}}'
  The customer taps a button of a template, sends a picture, reacts:
    curl -s ${url}/__simulate/inbound -d '{"type":"button","text":"Show me","reply_to":"wamid…"}'
    curl -s ${url}/__simulate/inbound -d '{"type":"image","caption":"Like this one"}'
    curl -s ${url}/__simulate/inbound -d '{"type":"reaction","reply_to":"wamid…","emoji":"❤️"}'
  The business writes in the app, the customer hides the phone number:
    curl -s ${url}/__simulate/echo -d '{"to":"+919876500001","text":"Written on the phone"}'
    curl -s -X PUT ${url}/__simulate/people/919876500001 -d '{"hides_phone":true,"username":"asha"}'
  What happened:
    curl -s ${url}/__simulate/ledger
    curl -s '${url}/__simulate/ledger/messages?limit=20'

Control (docs/simulator.md has every field)
  GET|PUT    /__simulate/config             every switch; PUT lays the given keys over it
  POST       /__simulate/inbound            a message from a customer, of every type (from, type, text, count, message …)
  POST       /__simulate/echo               what the business wrote in its app
  POST       /__simulate/history            what was written before the number was connected
  POST       /__simulate/standby            the copy while another app owns the thread
  POST       /__simulate/preference         a customer stops or resumes marketing, or signs up
  POST       /__simulate/state-sync         the app's address book
  POST       /__simulate/webhook            any body, signed; tells what the receiver answered (?signature=bad|none)
  POST       /__simulate/verify             Meta's GET handshake: {"verify_token":"…"}
  GET        /__simulate/people             PUT /__simulate/people/{phone} user_id, username, hides_phone …
  GET        /__simulate/media              POST /__simulate/media/expire {"id":"…"}
  GET|DELETE /__simulate/ledger             summary; DELETE empties it
  GET        /__simulate/ledger/messages    rows: to, outcome, limit, cursor, format=ndjson
  GET        /__simulate/ledger/reads       read receipts
  GET        /__simulate/templates          PUT /__simulate/templates/{name} adds or alters one
  POST       /__simulate/templates/{name}   an event of it: kind status, quality, category, correct_category, components
  GET        /__simulate/catalogs           PUT /__simulate/catalogs/{id} products, generate, change, remove, fail_pages …
  GET        /__simulate/blocks             PUT /__simulate/blocks add, remove, refuse: whom a number has blocked
  POST       /__simulate/signup             people subscribe by a signup: signup_id, from, count, form, times …
  GET        /__simulate/signups            POST /__simulate/signups, PUT /__simulate/signups/{id} as if made elsewhere
  GET        /__simulate/flows              PUT /__simulate/flows/{name} status, flow_json …
  POST       /__simulate/flow-event         /__simulate/flow-completion: people complete flows
  GET        /__simulate/numbers            PUT /__simulate/numbers/{id} waba_id, display_phone_number, status …

Tokens starting with EXPIRED are refused with 190, with NOPERM with 10.

Magic recipients
${magicTable()}
`;
}
