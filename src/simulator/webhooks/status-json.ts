import type { KnownError } from '../error-codes.js';
import type { PRICING, StatusName } from '../state/ledger.js';
import { wireJson } from './wire.js';

/** One status as it is to be written. */
export interface StatusFacts {
  id: string;
  name: StatusName;
  timestamp: number;
  waId: string;
  userId: string;
  callbackData: string;
  pricing: (typeof PRICING)[number];
  error: KnownError | undefined;
}

/** Meta: per-message pricing since July 2025; a service message inside the window is free. */
const PRICING_JSON: Record<StatusFacts['pricing'], string> = {
  service: '{"billable":false,"pricing_model":"PMP","type":"free_customer_service","category":"service"}',
  marketing: '{"billable":true,"pricing_model":"PMP","type":"regular","category":"marketing"}',
  utility: '{"billable":true,"pricing_model":"PMP","type":"regular","category":"utility"}',
  authentication: '{"billable":true,"pricing_model":"PMP","type":"regular","category":"authentication"}',
};

/** Meta: statuses webhook. Written as text, in wire form: three thousand a second leave no time for objects. */
export function statusJson(facts: StatusFacts): string {
  const { id, name, timestamp, waId, userId, callbackData, pricing, error } = facts;
  return (
    `{"id":"${id.includes('/') ? id.replaceAll('/', '\\/') : id}","status":"${name}","timestamp":"${timestamp}"` +
    (waId === '' ? '' : `,"recipient_id":"${waId}"`) +
    (userId === '' ? '' : `,"recipient_user_id":"${userId}"`) +
    (callbackData === '' ? '' : `,"biz_opaque_callback_data":${wireJson(callbackData)}`) +
    // Meta: `pricing` on sent and on exactly one of delivered and read.
    (name === 'sent' || name === 'delivered' ? `,"pricing":${PRICING_JSON[pricing]}` : '') +
    (error === undefined ? '' : `,"errors":[${errorJson(error)}]`) +
    '}'
  );
}

function errorJson({ code, title, details }: KnownError): string {
  return wireJson({
    code,
    title,
    message: title,
    error_data: { details },
    href: '/documentation/business-messaging/whatsapp/support/error-codes',
  });
}
