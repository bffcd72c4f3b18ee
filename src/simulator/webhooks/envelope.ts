import type { Fields } from '../fields.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { wireJson } from './wire.js';

const MAX_PER_POST = 1000;
const MAX_DUPLICATES = 1000;

/** How the changes of a call leave. */
export interface Posting {
  /** How many times more each webhook comes. */
  readonly duplicate: number;
  readonly perPost: number;
}

export function readPosting(fields: Fields): Posting {
  return {
    duplicate: fields.whole('duplicate', 0, 0, MAX_DUPLICATES),
    perPost: fields.whole('per_post', 25, 1, MAX_PER_POST),
  };
}

/** A change of a number, in wire form. */
export function changeJson(number: BusinessNumber, field: string, facts: Json): string {
  const value = {
    messaging_product: 'whatsapp',
    metadata: { display_phone_number: number.digits, phone_number_id: number.id },
    ...facts,
  };
  return wireJson({ value, field });
}

/** Posts changes of one number, so many to a webhook. Message-like fields have no `time` in their entry. */
export function post(world: World, number: BusinessNumber, changes: readonly string[], posting: Posting): void {
  for (let start = 0; start < changes.length; start += posting.perPost) {
    const part = changes.slice(start, start + posting.perPost);
    const body = `{"object":"whatsapp_business_account","entry":[{"id":"${number.wabaId}","changes":[${part.join(',')}]}]}`;
    for (let copy = 0; copy <= posting.duplicate; copy++) {
      world.delivery.enqueue({
        updates: part.length,
        attempts: 0,
        body: () => body,
        acknowledged: () => undefined,
      });
    }
  }
}
