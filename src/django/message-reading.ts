import { readChange, readContent, type ChangeContent } from '../inbox/inbound-content.js';
import { MESSAGE_TYPES } from '../inbox/message.dto.js';
import { MEDIA_TYPES, type MediaType } from '../media/media-state.js';
import { Cells, type DjangoRow } from './django-row.js';
import type { Tally } from './import-report.js';

/** A message of the Django package as it stands here. */
export interface ReadDjangoMessage {
  direction: 'inbound' | 'outbound';
  status: 'sent' | 'delivered' | 'read' | 'failed';
  wamid: string | null;
  messageType: string;
  messageBody: string;
  content: Record<string, unknown> | null;
  context: Record<string, unknown> | null;
  replyToWamid: string | null;
  media: { mediaId: string | null; mediaType: MediaType; mimeType: string | null; filename: string | null } | null;
  location: { latitude: number | null; longitude: number | null; name: string; address: string } | null;
  reaction: { emoji: string; targetId: string | null } | null;
  rawPayload: Record<string, unknown> | null;
  timestamp: Date;
  isDeleted: boolean;
  /** What was done to another message, which is no message here. */
  change: ChangeContent | null;
}

const MAX_BODY = 65_536;
const STATUSES = ['sent', 'delivered', 'read', 'failed'] as const;

/**
 * Reads a message. What came in was kept as Meta sent it, and is read from there, by the same code as webhooks: the package
 * took file names, cards and the targets of reactions out of nothing of it.
 */
export function readDjangoMessage(row: DjangoRow, now: Date, tally: Tally): ReadDjangoMessage | null {
  const cells = new Cells(row, tally);
  const direction = cells.text('direction', 20).trim();
  if (direction !== 'inbound' && direction !== 'outbound') {
    tally.skipped(row.id, 'direction_unknown');
    return null;
  }
  const raw = cells.object('raw_payload');
  const isMetas = direction === 'inbound' && raw !== null && typeof raw.type === 'string';
  const base = {
    direction,
    status: statusOf(row, cells, tally),
    wamid: cells.optional('message_id', 255),
    rawPayload: raw,
    timestamp: cells.time('timestamp') ?? now,
    isDeleted: cells.bool('is_deleted'),
  } as const;
  const columns = readColumns(row, cells, tally);
  const change = isMetas ? readChange(raw) : null;
  if (!isMetas || (change === null && columns.messageType === 'reaction')) {
    return {
      ...base,
      ...columns,
      content: null,
      context: null,
      replyToWamid: cells.optional('reply_wamid', 255),
      change,
    };
  }
  const content = readContent(raw);
  return {
    ...base,
    messageType: content.messageType,
    messageBody: content.messageBody,
    content: content.content,
    context: content.context,
    replyToWamid: content.replyToMessageId ?? cells.optional('reply_wamid', 255),
    media: content.media ?? columns.media,
    location: content.location,
    reaction: null,
    change,
  };
}

/** What the columns alone tell: of messages that were sent, and of those whose payload is not kept. */
function readColumns(
  row: DjangoRow,
  cells: Cells,
  tally: Tally,
): Pick<ReadDjangoMessage, 'messageType' | 'messageBody' | 'media' | 'location' | 'reaction'> {
  const given = cells.text('message_type', 20).trim() || 'text';
  const messageType = (MESSAGE_TYPES as readonly string[]).includes(given) ? given : 'unknown';
  if (messageType !== given) {
    tally.cleaned(row.id, 'message_type_unknown');
  }
  const messageBody = cells.text('message_body', MAX_BODY);
  const isMedia = (MEDIA_TYPES as readonly string[]).includes(messageType);
  return {
    messageType,
    messageBody,
    media: isMedia
      ? {
          mediaId: cells.optional('media_id', 255),
          mediaType: messageType as MediaType,
          mimeType: cells.optional('media_mime_type', 100),
          filename: cells.optional('media_filename', 255),
        }
      : null,
    location:
      messageType === 'location'
        ? {
            latitude: cells.float('location_latitude', 90),
            longitude: cells.float('location_longitude', 180),
            name: cells.text('location_name', 255),
            address: cells.text('location_address', 1_000),
          }
        : null,
    reaction:
      messageType === 'reaction'
        ? {
            emoji: cells.text('reaction_emoji', 10) || messageBody.slice(0, 64),
            targetId: cells.optional('reaction_to_message_id', 255),
          }
        : null,
  };
}

/** Django kept whatever word Meta used last. */
function statusOf(row: DjangoRow, cells: Cells, tally: Tally): ReadDjangoMessage['status'] {
  const status = cells.text('status', 20).trim().toLowerCase();
  const known = STATUSES.find((one) => one === status);
  if (known === undefined) {
    tally.cleaned(row.id, 'status_unknown');
  }
  return known ?? 'sent';
}
