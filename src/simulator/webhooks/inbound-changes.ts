import type { Fields } from '../fields.js';
import type { KnownMessage } from '../state/messages.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import { mediaFacts } from './inbound-media.js';
import type { MakeContent } from './occasion.js';
import { sampleBytes } from './sample-bytes.js';

/** A reaction, or that it was taken back. Meta: then `emoji` is missing or empty. */
export function readReaction(fields: Fields): MakeContent {
  const message_id = fields.text('reply_to');
  const emoji = fields.text('emoji');
  const isRemoved = fields.flag('remove') ?? false;
  const given = fields.object('reaction');
  if (message_id === undefined && given?.message_id === undefined) {
    fields.problem('a reaction needs reply_to');
  }
  return () => ({
    message: { type: 'reaction', reaction: { message_id, ...(isRemoved ? {} : { emoji: emoji ?? '👍' }), ...given } },
  });
}

/** Meta: numbers that are used in the app as well get told of edits. The message is given whole, as it is now. */
export function readEdit(fields: Fields): MakeContent {
  const original = readOriginal(fields);
  const text = fields.text('text');
  const caption = fields.text('caption');
  return ({ world }) => {
    const edited =
      caption === undefined
        ? { type: 'text', text: { body: text ?? 'This was edited' } }
        : editedMedia(world, world.messages.find(original), caption);
    const message = { context: { id: 'M0' }, ...edited };
    return { message: { type: 'edit', edit: { original_message_id: original, message } } };
  };
}

export function readRevoke(fields: Fields): MakeContent {
  const original = readOriginal(fields);
  return () => ({ message: { type: 'revoke', revoke: { original_message_id: original } } });
}

function readOriginal(fields: Fields): string {
  const original = fields.text('original_message_id') ?? fields.text('reply_to');
  if (original === undefined) {
    fields.problem('original_message_id is missing');
  }
  return original ?? '';
}

/** The file of the message, when it is known; else some picture. */
function editedMedia(world: World, original: KnownMessage | undefined, caption: string): Json {
  const media = original?.media ?? world.media.add('', 'image/png', sampleBytes('image/png', undefined, 0), 'webhook');
  const type = original?.media === undefined ? 'image' : original.type;
  return { type, [type]: { caption, ...mediaFacts(world, media) } };
}
