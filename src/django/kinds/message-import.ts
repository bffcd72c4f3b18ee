import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../../common/phone-number.js';
import type { AccountScope } from '../../contacts/person.js';
import type { Queryable, Tx } from '../../database/database.js';
import { json } from '../../database/unnest.js';
import { MessageChangesRepository, type RecordedChange } from '../../inbox/message-changes.repository.js';
import type { DjangoRow } from '../django-row.js';
import { ImportedMediaRepository } from '../imported-media.repository.js';
import { ImportPeople } from '../import-people.js';
import { accountOf, modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import { ImportedRowsRepository } from '../imported-rows.repository.js';
import { MediaFiles, type CopiedFile } from '../media-files.js';
import { readDjangoMessage, type ReadDjangoMessage } from '../message-reading.js';
import { RowWriter, type News, type TargetTable } from '../row-writer.js';
import { ThreadsRepository, type ThreadNews } from '../threads.repository.js';

const TABLE: TargetTable = {
  name: 'messages',
  columns: [
    ['account_id', 'bigint'],
    ['conversation_id', 'bigint'],
    ['contact_id', 'bigint'],
    ['direction', 'text'],
    ['message_type', 'text'],
    ['message_body', 'text'],
    ['status', 'text'],
    ['message_id', 'text'],
    ['media_file_id', 'bigint'],
    ['media_id', 'text'],
    ['media_mime_type', 'text'],
    ['media_filename', 'text'],
    ['location_latitude', 'float8'],
    ['location_longitude', 'float8'],
    ['location_name', 'text'],
    ['location_address', 'text'],
    ['reaction_emoji', 'text'],
    ['reaction_to_message_id', 'text'],
    ['reply_to_message_id', 'text'],
    ['content', 'jsonb'],
    ['context', 'jsonb'],
    ['raw_payload', 'jsonb'],
    ['timestamp', 'timestamptz'],
    ['sent_at', 'timestamptz'],
    ['delivered_at', 'timestamptz'],
    ['read_at', 'timestamptz'],
    ['failed_at', 'timestamptz'],
    ['is_deleted', 'boolean'],
    ['deleted_by', 'text'],
    ['created_at', 'timestamptz'],
    ['reply_to_id', 'bigint'],
  ],
  insertOnly: [
    ...['account_id', 'conversation_id', 'contact_id', 'created_at', 'reply_to_id'],
    ...['media_file_id', 'media_id', 'media_mime_type', 'media_filename'],
  ],
  guard: ['message_body', 'status', 'message_id', 'is_deleted'],
  sameAs: 't.account_id = u.account_id and t.message_id = u.message_id',
  hasUpdatedAt: true,
};

/** A message and whose it is. */
interface MessageRow extends News {
  account: AccountScope;
  phone: PhoneNumber;
  message: ReadDjangoMessage;
}

/**
 * Messages into the threads of their people, whatever spelling each was stored under. Reactions go to the messages they are
 * of. Nothing is told to anybody: what is imported is no news.
 */
@Injectable()
export class MessageImport implements ImportKind {
  readonly name = 'messages';
  readonly selection = {
    model: 'whatsappmessage',
    more: 'c.account_id as conversation_account_id, c.phone_number as conversation_phone, q.message_id as reply_wamid',
    joins:
      'left join $whatsappconversation$ c on c.id = t.conversation_id left join $whatsappmessage$ q on q.id = t.reply_to_id',
  };
  private copied = new Map<number, CopiedFile>();

  constructor(
    private readonly writer: RowWriter,
    private readonly rows: ImportedRowsRepository,
    private readonly people: ImportPeople,
    private readonly threads: ThreadsRepository,
    private readonly media: ImportedMediaRepository,
    private readonly files: MediaFiles,
    private readonly changes: MessageChangesRepository,
  ) {}

  async prepare(q: Queryable, run: ImportRun, rows: readonly DjangoRow[]): Promise<void> {
    this.copied = new Map();
    const withFile =
      run.mediaRoot === null ? [] : rows.filter((row) => typeof row.media_file === 'string' && row.media_file);
    if (run.mediaRoot === null || withFile.length === 0) {
      return;
    }
    const known = await this.rows.find(
      q,
      modelOf(run, 'message'),
      withFile.map((row) => row.id),
    );
    for (const row of withFile.filter(({ id }) => !known.has(id))) {
      const account = accountOfMessage(run, row);
      const file =
        account &&
        (await this.files.copy(
          run.mediaRoot,
          row.media_file as string,
          account.id,
          typeof row.media_mime_type === 'string' ? row.media_mime_type : null,
          run.isDry,
        ));
      if (file) {
        this.copied.set(row.id, file);
      }
    }
  }

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const of = modelOf(run, 'message');
    const news = await this.writer.news(tx, of, rows, tally);
    const read = news.flatMap((one) => this.read(run, one, tally));
    if (read.length === 0) {
      return;
    }
    const contactIds = await this.people.contactsOf(tx, read);
    const threadIds = await this.people.threadsOf(
      tx,
      read.map(({ account, message }, index) => ({
        accountId: account.id,
        contactId: contactIds[index] as number,
        createdAt: message.timestamp,
      })),
    );
    const fileIds = await this.filesOf(tx, read, tally);
    const quoted = await this.quotedOf(tx, run, read);
    const places = new Map(read.map(({ row }, index) => [row.id, index]));
    const messages = read.filter(({ message }) => message.change === null);
    const { ids, created } = await this.writer.write(
      tx,
      of,
      TABLE,
      messages.map(({ row, hash, account, message }) => {
        const place = places.get(row.id) as number;
        const whose = { accountId: account.id, threadId: threadIds[place], contactId: contactIds[place] };
        const values = valuesOf(message, whose, fileIds.get(row.id) ?? null, this.copied.get(row.id) ?? null);
        const quotes = quotesByRow(row) ? (row.reply_to_id as number) : null;
        return {
          sourceId: row.id,
          hash,
          values: (_id, idOf) => [...values, quotes === null ? null : (quoted.get(quotes) ?? idOf(quotes) ?? null)],
        };
      }),
      tally,
    );
    await this.change(
      tx,
      run,
      read.filter(({ message }) => message.change !== null),
      (row) => contactIds[places.get(row.id) as number] as number,
      tally,
    );
    const brought = messages.filter(({ row }) => created.has(row.id));
    await this.touch(
      tx,
      brought.map(({ row, message }) => ({
        threadId: threadIds[places.get(row.id) as number] as number,
        messageId: ids.get(row.id) as number,
        message,
      })),
    );
  }

  private async touch(
    tx: Tx,
    brought: readonly { threadId: number; messageId: number; message: ReadDjangoMessage }[],
  ): Promise<void> {
    const news = new Map<number, ThreadNews>();
    for (const { threadId, messageId, message } of brought) {
      news.set(threadId, withMessage(news.get(threadId), threadId, messageId, message));
    }
    await this.threads.touch(
      tx,
      [...news.values()].sort((one, other) => one.id - other.id),
    );
  }

  /** What is quoted is found by its wamid; of those that have none by their row, which may be one of an earlier batch. */
  private async quotedOf(tx: Tx, run: ImportRun, read: readonly MessageRow[]): Promise<Map<number, number>> {
    const quoted = read.flatMap(({ row }) => (quotesByRow(row) ? [row.reply_to_id as number] : []));
    const known = quoted.length > 0 ? await this.rows.find(tx, modelOf(run, 'message'), quoted) : new Map();
    return new Map([...known].map(([sourceId, { targetId }]) => [sourceId, targetId as number]));
  }

  private read(run: ImportRun, { row, hash }: News, tally: Tally): MessageRow[] {
    const account = accountOfMessage(run, row);
    if (!account) {
      tally.skipped(row.id, 'no_account');
      return [];
    }
    const phone =
      (row.direction === 'inbound' ? run.phones.readWaId(row.phone_number) : null) ??
      run.phones.read(row.phone_number) ??
      run.phones.read(row.conversation_phone);
    if (phone === null) {
      tally.skipped(row.id, 'invalid_phone_number');
      return [];
    }
    const message = readDjangoMessage(row, run.startedAt, tally);
    return message ? [{ row, hash, account, phone, message }] : [];
  }

  /** Row of the media module for each message with a file that is new. */
  private async filesOf(tx: Tx, read: readonly MessageRow[], tally: Tally): Promise<Map<number, number | null>> {
    const withFile = read.flatMap(({ row, account, message: { media, direction, timestamp } }) => {
      const copied = this.copied.get(row.id) ?? null;
      if (media === null || (media.mediaId === null && copied === null)) {
        return [];
      }
      if (typeof row.media_file === 'string' && row.media_file && copied === null) {
        tally.cleaned(row.id, 'file_not_copied');
      }
      const origin = direction;
      return [{ sourceId: row.id, file: { accountId: account.id, origin, ...media, copied, createdAt: timestamp } }];
    });
    const ids =
      withFile.length > 0
        ? await this.media.add(
            tx,
            withFile.map(({ file }) => file),
          )
        : [];
    return new Map(withFile.map(({ sourceId }, index) => [sourceId, ids[index] ?? null]));
  }

  /** Reactions, edits and revokes: kept as what happened to messages, which then look so. */
  private async change(
    tx: Tx,
    run: ImportRun,
    read: readonly MessageRow[],
    contactOf: (row: DjangoRow) => number,
    tally: Tally,
  ): Promise<void> {
    if (read.length === 0) {
      return;
    }
    const changes = read.map(({ row, account, message: { change, wamid, timestamp } }): RecordedChange => {
      const { kind, targetId, text, content } = change as NonNullable<typeof change>;
      return {
        accountId: account.id,
        changeId: wamid ?? `django:${row.id}`,
        targetId,
        contactId: contactOf(row),
        kind,
        actor: 'customer',
        occurredAt: timestamp,
        text,
        content,
      };
    });
    const added = await this.changes.record(tx, changes);
    await this.changes.fold(
      tx,
      changes.map(({ accountId, targetId: wamid }) => ({ accountId, wamid })),
    );
    const saved = read.map(({ row, hash }, index) => {
      if (added.has(changes[index]?.changeId as string)) {
        tally.created();
      } else {
        tally.merged(row.id, 'already_here');
      }
      // They have no id of their own here: they are part of the message that they changed.
      return { sourceId: row.id, targetId: 0, sourceHash: hash, targetHash: null };
    });
    await this.rows.save(tx, modelOf(run, 'message'), saved);
  }
}

function quotesByRow(row: DjangoRow): boolean {
  return typeof row.reply_to_id === 'number' && !row.reply_wamid;
}

/** What a batch brings into a thread, with one more message. */
function withMessage(
  before: ThreadNews | undefined,
  id: number,
  messageId: number,
  { timestamp, direction }: ReadDjangoMessage,
): ThreadNews {
  const inboundAt = before?.inboundAt ?? null;
  const isLater = !before || timestamp >= before.at;
  return {
    id,
    messageId: isLater ? messageId : before.messageId,
    at: isLater ? timestamp : before.at,
    inboundAt: direction === 'inbound' && (inboundAt === null || timestamp > inboundAt) ? timestamp : inboundAt,
  };
}

/** A message names its account; older ones only their conversation does. */
function accountOfMessage(run: ImportRun, row: DjangoRow): AccountScope | null {
  return accountOf(run, row.account_id ?? row.conversation_account_id);
}

function valuesOf(
  message: ReadDjangoMessage,
  whose: { accountId: number; threadId: number | undefined; contactId: number | undefined },
  fileId: number | null,
  copied: CopiedFile | null,
): unknown[] {
  const { media, location, reaction, status, timestamp, direction } = message;
  const isOut = direction === 'outbound';
  // As of messages of the WhatsApp app: Django kept no times of statuses.
  const isDelivered = !isOut || status === 'delivered' || status === 'read';
  return [
    whose.accountId,
    whose.threadId,
    whose.contactId,
    direction,
    message.messageType,
    message.messageBody,
    isOut ? status : 'delivered',
    message.wamid,
    fileId,
    media?.mediaId ?? null,
    media?.mimeType ?? copied?.mimeType ?? null,
    media?.filename ?? copied?.filename ?? null,
    location?.latitude ?? null,
    location?.longitude ?? null,
    location?.name ?? null,
    location?.address ?? null,
    reaction?.emoji ?? null,
    reaction?.targetId ?? null,
    message.replyToWamid,
    json(message.content),
    json(message.context),
    json(message.rawPayload),
    timestamp,
    isOut ? timestamp : null,
    isDelivered ? timestamp : null,
    isOut && status === 'read' ? timestamp : null,
    isOut && status === 'failed' ? timestamp : null,
    message.isDeleted,
    message.isDeleted ? 'agent' : null,
    timestamp,
  ];
}
