/**
 * What a caller can do about a refusal of Meta's, by its subcode or code: one sentence or two, where Meta's own words do not
 * say it. Source of each: Meta's error tables and the page of the area.
 */
export const GRAPH_ADVICE: Readonly<Record<number, string>> = {
  10: 'The access token lacks a permission: whatsapp_business_messaging to send, whatsapp_business_management for all else.',
  200: 'The access token lacks a permission: whatsapp_business_messaging to send, whatsapp_business_management for all else.',
  80008:
    'Meta limits management calls per WABA and hour. Wait some minutes; a sync of a catalog waits by itself and goes on.',
  130403:
    'This number has blocked the person. Unblock first: DELETE /unblock/; POST /blocked/sync learns what Meta knows.',
  131009:
    'graph.details names the value that Meta does not take. Where it says that products were not found: the retailer_id is ' +
    'not in the catalog that is connected to this number’s WABA, or not approved yet; POST /catalog/sync shows what is there.',
  132068:
    'Meta has blocked the flow, mostly because its endpoint fails. GET /flows/{id} shows its health; Meta unblocks it when it ' +
    'is well.',
  132069:
    'Meta has throttled the flow: 10 messages an hour, until its endpoint is well. Try again in an hour, or repair the endpoint.',
  139000:
    'Meta does not let this account create or publish flows, for reasons of integrity. Only Meta’s support can help.',
  139001: 'What is published cannot be changed: clone the flow, change the clone and publish that.',
  139002:
    'Only a draft can be published, with JSON in which Meta finds no fault (see validation_errors), and a dynamic one with an ' +
    'endpoint that answers and a public key (POST /flows/encryption).',
  139003: 'Only a published flow can be deprecated, and only once. A draft is deleted instead.',
  139004: 'Only a draft can be deleted. What is published is deprecated instead.',
  139100: 'Meta refused some or all of these people; each has its own reason in failed_users.',
  139101: 'A number can have 64,000 people blocked. Unblock some of them first.',
  139102: 'The list changed while it was read. Read it again from its beginning.',
  139103: 'An internal error of Meta’s. Try again in a moment; to ask twice does no harm.',
  2494164:
    'Meta does not know this signup, or not by this token: look at the waba_id and the token of the account, and sync the signups.',
  2494165:
    'Meta does not offer signups to this business: not in the European Economic Area, the United Kingdom, Brazil, Japan, South ' +
    'Korea, Nigeria, South Africa and Turkey, nor to people there. Let people opt in by another way, such as a keyword.',
  2494166: 'The only placeholder of confirmation_message is {{promo_code}}. Take the others out.',
  2494167: 'confirmation_message has {{promo_code}}: give a promo_code, or take the placeholder out.',
  2494168:
    'The business has not accepted the terms of service of signups. Create the signup with tos_accepted: true, which accepts ' +
    'https://www.facebook.com/legal/ads-manager-marketing-messages-terms for the business.',
  2494176: 'The business accepted the terms of service before. Create the signup without tos_accepted.',
  2494177:
    'Meta has other terms of service for signups by now than those that were accepted. This software has to be updated.',
  2494179: 'website_url must begin with https://.',
};
