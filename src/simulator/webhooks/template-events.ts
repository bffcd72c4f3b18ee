import { now } from '../state/clock.js';
import type { StoredTemplate } from '../state/templates.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { wireJson } from './wire.js';

/**
 * Posts an event of a template. Meta: these fields have `time` in their entry, and the template's id is a number.
 * @param time Unix seconds; now when left out
 */
export function reportTemplate(world: World, stored: StoredTemplate, field: string, facts: Json, time?: number): void {
  const { id, name, language } = stored.template;
  const value = { message_template_id: 0, message_template_name: name, message_template_language: language, ...facts };
  const change = wireJson({ value, field }).replace('"message_template_id":0', `"message_template_id":${id}`);
  const body =
    `{"object":"whatsapp_business_account","entry":[{"id":"${stored.wabaId}",` +
    `"time":${time ?? Math.floor(now() / 1000)},"changes":[${change}]}]}`;
  world.delivery.enqueue({ updates: 1, attempts: 0, body: () => body, acknowledged: () => undefined });
}
