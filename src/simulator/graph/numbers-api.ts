import { displayNumber, type BusinessNumber } from '../state/registry.js';
import { isJson, type Json } from '../validation/check.js';
import type { World } from '../world.js';
import { paramsOf, picked, type GraphCall } from './call.js';
import { badParam, unknownObject } from './graph-error.js';
import { pageOf } from './paging.js';
import { respondJson } from './respond.js';

const DEFAULT_NUMBER_FIELDS = 'verified_name,code_verification_status,display_phone_number,quality_rating,id';
const DEFAULT_WABA_FIELDS = 'id,name,timezone_id,message_template_namespace';
/** A GET with one of these asks about a number, with one of the others about a WABA. */
const NUMBER_FIELDS =
  /display_phone_number|verified_name|quality_rating|throughput|name_status|code_verification_status|platform_type|messaging_limit|account_mode|webhook_configuration|health_status/;
/** What can be set on a number itself. */
const NUMBER_SETTINGS = ['webhook_configuration', 'pin'];
const WABA_FIELDS =
  /timezone_id|message_template_namespace|account_review_status|business_verification_status|currency/;

/** Meta: lengths of the business profile. README §B.6. */
const PROFILE_LENGTHS: Record<string, number> = { about: 139, address: 256, description: 256, email: 128 };
const VERTICALS =
  'OTHER AUTO BEAUTY APPAREL EDU ENTERTAIN EVENT_PLAN FINANCE GROCERY GOVT HOTEL HEALTH NONPROFIT PROF_SERVICES RETAIL TRAVEL RESTAURANT ALCOHOL ONLINE_GAMBLING PHYSICAL_GAMBLING OTC_DRUGS MATRIMONY_SERVICE'.split(
    ' ',
  );

/** `GET|POST /{id}` for numbers and WABAs; false when the id is neither. */
export function handleNode(call: GraphCall): boolean {
  const { world, id, token, query, method, response } = call;
  const fields = query.get('fields');
  const isKnownWaba = world.registry.wabas.has(id);
  if (method === 'GET' && (isKnownWaba || (!world.registry.numbers.has(id) && WABA_FIELDS.test(fields ?? '')))) {
    const waba = world.registry.waba(id, token);
    if (waba !== undefined) {
      respondJson(response, picked(wabaFacts(waba.id, waba.name), fields ?? DEFAULT_WABA_FIELDS));
    }
    return waba !== undefined;
  }
  const params = method === 'POST' ? paramsOf(call) : {};
  const isForNumbers = NUMBER_FIELDS.test(fields ?? '') || NUMBER_SETTINGS.some((key) => params[key] !== undefined);
  const isNumber = world.registry.numbers.has(id) || isForNumbers;
  const number = isNumber ? world.registry.number(id, token) : undefined;
  if (number === undefined) {
    return false;
  }
  if (method === 'GET') {
    respondJson(response, picked(numberFacts(world, number), fields ?? DEFAULT_NUMBER_FIELDS));
    return true;
  }
  if (method !== 'POST') {
    throw unknownObject(method, id);
  }
  const { webhook_configuration } = params;
  if (isJson(webhook_configuration)) {
    const uri = webhook_configuration.override_callback_uri;
    number.webhookConfiguration = typeof uri === 'string' && uri !== '' ? { phone_number: uri } : {};
  }
  respondJson(response, { success: true });
  return true;
}

/** `GET /{WABA}/phone_numbers`. */
export function handlePhoneNumbers(call: GraphCall): void {
  const { world, query, url, response } = call;
  const wabaId = wabaOf(call);
  const numbers = [...world.registry.numbers.values()].filter((number) => number.wabaId === wabaId);
  const fields = query.get('fields') ?? DEFAULT_NUMBER_FIELDS;
  const rows = numbers.map((number) => picked(numberFacts(world, number), fields));
  respondJson(response, pageOf(rows, query, url));
}

/** `POST|GET|DELETE /{WABA}/subscribed_apps`. An override is kept and shown; webhooks go to `callback_url` all the same. */
export function handleSubscribedApps(call: GraphCall): void {
  const { world, method, response } = call;
  const waba = world.registry.wabas.get(wabaOf(call));
  if (waba === undefined) {
    throw unknownObject(method, call.id);
  }
  if (method === 'GET') {
    const override = waba.overrideCallbackUri === '' ? {} : { override_callback_uri: waba.overrideCallbackUri };
    const app = {
      id: '100000000000001',
      name: 'Simulated app',
      link: 'https://www.facebook.com/games/?app_id=100000000000001',
    };
    respondJson(response, { data: waba.isSubscribed ? [{ whatsapp_business_api_data: app, ...override }] : [] });
    return;
  }
  const uri = method === 'POST' ? paramsOf(call).override_callback_uri : undefined;
  if (typeof uri === 'string' && uri.length > 200) {
    throw badParam('Param override_callback_uri must be at most 200 characters long.');
  }
  waba.isSubscribed = method === 'POST';
  waba.overrideCallbackUri = typeof uri === 'string' ? uri : '';
  respondJson(response, { success: true });
}

/** `GET|POST /{PHONE}/whatsapp_business_profile`. */
export function handleProfile(call: GraphCall): void {
  const { world, method, query, response } = call;
  const number = numberOf(call);
  if (method === 'GET') {
    const { id: _id, ...profile } = picked(number.profile, query.get('fields'));
    respondJson(response, { data: [{ ...profile, messaging_product: 'whatsapp' }] });
    return;
  }
  const params = paramsOf(call);
  if (params.messaging_product !== 'whatsapp') {
    throw badParam('The parameter messaging_product is required.');
  }
  Object.assign(number.profile, profileChanges(world, params));
  respondJson(response, { success: true });
}

/** The number a call is about. */
export function numberOf({ world, id, token, method }: GraphCall): BusinessNumber {
  const number = world.registry.number(id, token);
  if (number === undefined) {
    throw unknownObject(method, id);
  }
  return number;
}

/** The WABA a call is about. */
export function wabaOf({ world, id, token, method }: GraphCall): string {
  const waba = world.registry.waba(id, token);
  if (waba === undefined) {
    throw unknownObject(method, id);
  }
  return waba.id;
}

function profileChanges(world: World, params: Json): Json {
  const changes: Json = {};
  for (const [key, max] of Object.entries(PROFILE_LENGTHS)) {
    const value = params[key];
    if (value !== undefined && (typeof value !== 'string' || value.length > max)) {
      throw badParam(`Param ${key} must be a string of at most ${max} characters.`);
    }
    Object.assign(changes, value === undefined ? {} : { [key]: value });
  }
  const { websites, vertical, profile_picture_handle: handle } = params;
  if (websites !== undefined) {
    const isValid =
      Array.isArray(websites) &&
      websites.length <= 2 &&
      websites.every((site) => typeof site === 'string' && site.length <= 256 && /^https?:\/\//.test(site));
    if (!isValid) {
      throw badParam('Param websites must be an array of at most 2 URLs of at most 256 characters.');
    }
    changes.websites = websites;
  }
  if (vertical !== undefined) {
    if (typeof vertical !== 'string' || !VERTICALS.includes(vertical)) {
      throw badParam(`Param vertical must be one of {${VERTICALS.join(', ')}}.`);
    }
    changes.vertical = vertical;
  }
  if (handle !== undefined) {
    const file = typeof handle === 'string' ? world.media.byHandle(handle) : undefined;
    if (file === undefined) {
      throw badParam('Param profile_picture_handle is not a valid upload handle.');
    }
    changes.profile_picture_url = world.media.url(file, world.ownUrl);
  }
  return changes;
}

function numberFacts(world: World, number: BusinessNumber): Json {
  const perSecond = world.config.numbers[number.id]?.messages_per_second ?? world.config.messages_per_second;
  return {
    id: number.id,
    display_phone_number: displayNumber(number),
    verified_name: number.verifiedName,
    quality_rating: number.qualityRating,
    status: number.status,
    name_status: 'APPROVED',
    code_verification_status: 'VERIFIED',
    platform_type: 'CLOUD_API',
    throughput: { level: perSecond > 80 ? 'HIGH' : 'STANDARD' },
    account_mode: 'LIVE',
    is_official_business_account: false,
    is_pin_enabled: true,
    messaging_limit_tier: 'TIER_UNLIMITED',
    whatsapp_business_manager_messaging_limit: 'TIER_UNLIMITED',
    webhook_configuration: { application: world.config.callback_url, ...number.webhookConfiguration },
    health_status: {
      can_send_message: 'AVAILABLE',
      entities: [{ entity_type: 'PHONE_NUMBER', id: number.id, can_send_message: 'AVAILABLE' }],
    },
    last_onboarded_time: '2026-01-01T00:00:00+0000',
  };
}

function wabaFacts(id: string, name: string): Json {
  return {
    id,
    name,
    timezone_id: '71',
    currency: 'INR',
    country: 'IN',
    message_template_namespace: `ns_${id}`,
    account_review_status: 'APPROVED',
    business_verification_status: 'verified',
    status: 'ACTIVE',
    ownership_type: 'SELF',
  };
}
