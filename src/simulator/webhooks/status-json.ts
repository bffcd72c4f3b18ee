import { webhookError, type KnownError } from '../error-codes.js';
import type { PRICING, StatusName } from '../state/ledger.js';
import { wireJson } from './wire.js';

/** One status as it is to be written. */
export interface StatusFacts {
  id: string;
  name: StatusName;
  timestamp: number;
  waId: string;
  userId: string;
  parentUserId: string;
  callbackData: string;
  /** Undefined for reactions, which cost nothing and say so by silence. */
  pricing: (typeof PRICING)[number] | undefined;
  error: KnownError | undefined;
}

/** Meta: per-message pricing since July 2025; a service message inside the window is free. */
const PRICING_JSON: Record<(typeof PRICING)[number], string> = {
  service: '{"billable":false,"pricing_model":"PMP","type":"free_customer_service","category":"service"}',
  marketing: '{"billable":true,"pricing_model":"PMP","type":"regular","category":"marketing"}',
  utility: '{"billable":true,"pricing_model":"PMP","type":"regular","category":"utility"}',
  authentication: '{"billable":true,"pricing_model":"PMP","type":"regular","category":"authentication"}',
};

/** Meta: statuses webhook. Written as text, in wire form: three thousand a second leave no time for objects. */
export function statusJson(facts: StatusFacts): string {
  const { id, name, timestamp, waId, userId, parentUserId, callbackData, pricing, error } = facts;
  return (
    `{"id":"${id.includes('/') ? id.replaceAll('/', '\\/') : id}","status":"${name}","timestamp":"${timestamp}"` +
    (waId === '' ? '' : `,"recipient_id":"${waId}"`) +
    (userId === '' ? '' : `,"recipient_user_id":"${userId}"`) +
    (parentUserId === '' ? '' : `,"recipient_parent_user_id":"${parentUserId}"`) +
    (callbackData === '' ? '' : `,"biz_opaque_callback_data":${wireJson(callbackData)}`) +
    // Meta: `pricing` on sent and on exactly one of delivered and read.
    (pricing !== undefined && (name === 'sent' || name === 'delivered') ? `,"pricing":${PRICING_JSON[pricing]}` : '') +
    (error === undefined ? '' : `,"errors":[${wireJson(webhookError(error))}]`) +
    '}'
  );
}
