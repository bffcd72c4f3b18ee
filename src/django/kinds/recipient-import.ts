import { Injectable } from '@nestjs/common';
import type { PhoneNumber } from '../../common/phone-number.js';
import type { Queryable, Tx } from '../../database/database.js';
import { json } from '../../database/unnest.js';
import { Cells, type DjangoRow } from '../django-row.js';
import { ImportPeople } from '../import-people.js';
import { modelOf, type ImportKind, type ImportRun } from '../import-kind.js';
import type { Tally } from '../import-report.js';
import {
  ImportedRecipientsRepository,
  type BetterRecipient,
  type ImportedCampaign,
} from '../imported-recipients.repository.js';
import { RowWriter, type News, type TargetTable } from '../row-writer.js';

const TABLE: TargetTable = {
  name: 'campaign_recipients',
  columns: [
    ['account_id', 'bigint'],
    ['campaign_id', 'bigint'],
    ['identity', 'text'],
    ['contact_id', 'bigint'],
    ['phone', 'text'],
    ['name', 'text'],
    ['parameters', 'jsonb'],
    ['status', 'text'],
    ['skip_reason', 'text'],
    ['error_message', 'text'],
    ['message_id', 'text'],
    ['sent_at', 'timestamptz'],
    ['delivered_at', 'timestamptz'],
    ['read_at', 'timestamptz'],
    ['unknown_at', 'timestamptz'],
  ],
  guard: ['status', 'message_id', 'error_message'],
  sameAs: 't.campaign_id = u.campaign_id and t.identity = u.identity',
  hasUpdatedAt: false,
};
const KNOWN = ['sent', 'delivered', 'read', 'failed'];

/** A recipient that can be read. */
interface RecipientRow extends News {
  campaign: ImportedCampaign;
  phone: PhoneNumber | null;
  name: string;
  fields: Omit<BetterRecipient, 'id'> & { unknownAt: Date | null };
  errorMessage: string | null;
  parameters: Record<string, unknown>;
}

/**
 * Recipients: a person is in a campaign once, whatever Django sent them; of several rows that which got furthest. One that was
 * pending in a campaign which had begun may have been sent to when Django stopped: the outcome is unknown, and nobody is sent
 * to on a guess.
 */
@Injectable()
export class RecipientImport implements ImportKind {
  readonly name = 'recipients';
  readonly selection = {
    model: 'whatsappcampaignrecipient',
    order: { sql: 't.campaign_id', needs: ['campaign_id'] },
  };
  private campaigns: ReadonlyMap<number, ImportedCampaign> = new Map();

  constructor(
    private readonly writer: RowWriter,
    private readonly people: ImportPeople,
    private readonly recipients: ImportedRecipientsRepository,
  ) {}

  async begin(q: Queryable, run: ImportRun): Promise<void> {
    this.campaigns = await this.recipients.campaigns(q, run.importId);
  }

  async take(tx: Tx, run: ImportRun, rows: readonly DjangoRow[], tally: Tally): Promise<void> {
    const of = modelOf(run, 'recipient');
    const news = await this.writer.news(tx, of, rows, tally);
    const read = news.flatMap((one) => this.read(run, one, tally));
    const named = read.flatMap(({ campaign, phone, name, row }) =>
      phone === null ? [] : [{ account: campaign, phone, name, sourceId: row.id }],
    );
    const contactIds = await this.people.contactsOf(tx, named);
    const contactOf = new Map(named.map(({ sourceId }, index) => [sourceId, contactIds[index] as number]));
    const items = read.map((one) => {
      const values = valuesOf(one, contactOf.get(one.row.id) ?? null);
      return { sourceId: one.row.id, hash: one.hash, values: () => values };
    });
    const { ids, created } = await this.writer.write(tx, of, TABLE, items, tally);
    const doubles = read.flatMap(({ row, fields }): BetterRecipient[] => {
      const id = ids.get(row.id);
      return id === undefined || created.has(row.id) ? [] : [{ id, ...fields }];
    });
    if (doubles.length > 0) {
      await this.recipients.better(tx, doubles);
    }
  }

  private read(run: ImportRun, { row, hash }: News, tally: Tally): RecipientRow[] {
    const campaign = this.campaigns.get(row.campaign_id as number);
    if (!campaign) {
      tally.skipped(row.id, 'no_campaign');
      return [];
    }
    const cells = new Cells(row, tally);
    const phone = run.phones.read(row.phone_number);
    if (phone === null) {
      tally.cleaned(row.id, 'invalid_phone_number');
    }
    const messageId = cells.optional('message_id', 255);
    const status = statusOf(cells, messageId, campaign, phone);
    const at = cells.time('sent_at');
    const isDelivered = status === 'delivered' || status === 'read';
    const name = cells.text('name', 255).trim();
    return [
      {
        row,
        hash,
        campaign,
        phone,
        // What the package made of a name that was None.
        name: name === 'None' ? '' : name,
        fields: {
          status,
          messageId,
          sentAt: at,
          deliveredAt: isDelivered ? at : null,
          readAt: status === 'read' ? at : null,
          unknownAt: status === 'unknown' ? run.startedAt : null,
        },
        errorMessage: cells.optional('error_message', 2_000),
        parameters: cells.object('parameters') ?? {},
      },
    ];
  }
}

function statusOf(
  cells: Cells,
  messageId: string | null,
  campaign: ImportedCampaign,
  phone: PhoneNumber | null,
): string {
  const status = cells.text('status', 20).trim().toLowerCase();
  if (KNOWN.includes(status)) {
    return status;
  }
  if (messageId !== null) {
    return 'sent';
  }
  if (phone === null) {
    return 'skipped';
  }
  return campaign.status === 'draft' ? 'pending' : 'unknown';
}

function valuesOf(
  { campaign, row, phone, name, fields, errorMessage, parameters }: RecipientRow,
  contactId: number | null,
): unknown[] {
  const { status, messageId, sentAt, deliveredAt, readAt, unknownAt } = fields;
  return [
    campaign.id,
    campaign.campaignId,
    phone === null ? `line:django-${row.id}` : `phone:${phone}`,
    contactId,
    phone,
    name,
    json(parameters),
    status,
    status === 'skipped' ? 'invalid' : null,
    errorMessage,
    messageId,
    sentAt,
    deliveredAt,
    readAt,
    unknownAt,
  ];
}
