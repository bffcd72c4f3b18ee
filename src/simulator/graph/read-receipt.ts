import type { ServerResponse } from 'node:http';
import { now } from '../state/clock.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import { checkReadReceipt } from '../validation/message.js';
import type { World } from '../world.js';
import { delayed } from './delayed.js';
import { invalid } from './graph-error.js';
import { respond } from './respond.js';

/** Meta: only a message that was received can be read, else 131009. */
export function markAsRead(world: World, number: BusinessNumber, response: ServerResponse, body: Json): void {
  const wamid = checkReadReceipt(body);
  const message = world.messageOf(wamid);
  const isOfCustomer = message?.isFromCustomer === true && (message.numberId === '' || message.numberId === number.id);
  if (world.config.check_message_ids && !isOfCustomer) {
    throw invalid('message_id is not the id of a message this number received');
  }
  world.markedRead++;
  world.messages.read({
    message_id: wamid,
    phone_number_id: number.id,
    from: message?.waId || null,
    user_id: message?.userId || null,
    typing_indicator: body.typing_indicator !== undefined,
    at: Math.round(now()),
  });
  delayed(world, () => respond(response, 200, '{"success":true}'));
}
