import { Injectable } from '@nestjs/common';
import { containing } from '../../common/like.js';
import type { PhoneNumber } from '../../common/phone-number.js';
import type { Queryable } from '../../database/database.js';
import type { RecipientStatus, StoredRecipientStatus } from '../campaign-status.js';

/** A recipient as it is answered. */
export interface RecipientRow {
  id: number;
  line: number | null;
  phone: string | null;
  user_id: string | null;
  contact_id: number | null;
  name: string;
  parameters: Record<string, string>;
  variant_id: number | null;
  status: StoredRecipientStatus;
  skip_reason: string | null;
  error_code: number | null;
  error_message: string | null;
  attempt: number;
  /** Of those who wait: not before then; null: as soon as it is their turn. */
  not_before: Date | null;
  message_id: string | null;
  sent_at: Date | null;
  delivered_at: Date | null;
  read_at: Date | null;
  replied_at: Date | null;
  opted_out_at: Date | null;
  /** Millionths of the rate table's currency. */
  cost_micros: number | null;
}

/** Which recipients of a campaign. */
export interface RecipientFilter {
  accountId: number;
  campaignId: number;
  status?: RecipientStatus | undefined;
  /** Part of the phone or name, or a whole user id. */
  q?: string | undefined;
  /** What `q` is as a phone number, if it is a whole one: then only that number is looked for. */
  phone?: PhoneNumber | null;
  skipReason?: string | undefined;
  errorCode?: number | undefined;
  variantId?: number | undefined;
  replied?: boolean | undefined;
  optedOut?: boolean | undefined;
}

const COLUMNS = `id, line, phone, user_id, contact_id, name, parameters, variant_id, status, skip_reason, error_code,
  error_message, attempt, message_id, sent_at, delivered_at, read_at, replied_at, opted_out_at, cost_micros,
  -- Without an end: of a trial, until the winner is known.
  case when phase = 0 and isfinite(not_before) and not_before > now() then not_before end as not_before`;

/** By phase, in literals: that is what the partial indexes are about. */
const PHASES: Record<RecipientStatus, readonly string[]> = {
  // Two indexes, neither of which knows the other's rows.
  pending: ['phase = 0', 'phase = 1'],
  sent: [`phase = 2 and status = 'sent'`],
  delivered: [`phase = 2 and status = 'delivered'`],
  read: [`phase = 2 and status = 'read'`],
  failed: [`phase = 3 and status = 'failed'`],
  skipped: [`phase = 3 and status = 'skipped'`],
  unknown: [`phase = 3 and status = 'unknown'`],
};

/** The recipients of a campaign, in the order of their ids. */
@Injectable()
export class RecipientListRepository {
  async list(q: Queryable, filter: RecipientFilter, page: { afterId: number; limit: number }): Promise<RecipientRow[]> {
    const { values, branches } = conditions(filter);
    const after = `$${values.push(page.afterId)}`;
    const limit = `$${values.push(page.limit)}`;
    // By campaign and id together, and nowhere by the campaign alone: else PostgreSQL knows that the id is order enough, and
    // walks along the primary key, over all campaigns that came before.
    const pages = branches.map(({ where, isOne }) =>
      isOne
        ? `(select ${COLUMNS} from campaign_recipients where ${where} and id > ${after})`
        : `(select ${COLUMNS} from campaign_recipients
            where ${where} and (campaign_id, id) > ($2, ${after}) and (campaign_id, id) < ($2 + 1, 0)
            order by campaign_id, id limit ${limit})`,
    );
    return q.queryDynamic<RecipientRow>(
      `select * from (${pages.join(' union all ')}) p order by id limit ${limit}`,
      values,
    );
  }

  /** The columns of the audience that these recipients have. */
  async findParameterNames(q: Queryable, filter: RecipientFilter): Promise<string[]> {
    const { values, branches } = conditions(filter);
    const names = branches.map(
      ({ where }) => `select jsonb_object_keys(parameters) as name from campaign_recipients
        where campaign_id = $2 and ${where}`,
    );
    const rows = await q.queryDynamic<{ name: string }>(
      `select distinct name from (${names.join(' union all ')}) n order by name`,
      values,
    );
    return rows.map((row) => row.name);
  }
}

/** One condition for each index that has some of the rows. */
interface Branch {
  where: string;
  /** It has a whole key of its own. In the order of the ids it would be looked for in all of the campaign. */
  isOne: boolean;
}

/** @returns the campaign, `$2`, is the caller's to name where there is no whole key */
function conditions(filter: RecipientFilter): { values: unknown[]; branches: Branch[] } {
  const values: unknown[] = [filter.accountId, filter.campaignId];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const where = ['account_id = $1'];
  if (filter.skipReason !== undefined) {
    where.push(`phase = 3 and skip_reason = ${bind(filter.skipReason)}`);
  }
  if (filter.errorCode !== undefined) {
    where.push(`phase = 3 and error_code = ${bind(filter.errorCode)}`);
  }
  if (filter.variantId !== undefined) {
    where.push(`variant_id = ${bind(filter.variantId)}`);
  }
  if (filter.replied !== undefined) {
    where.push(filter.replied ? 'replied_at is not null' : 'replied_at is null');
  }
  if (filter.optedOut !== undefined) {
    where.push(filter.optedOut ? 'opted_out_at is not null' : 'opted_out_at is null');
  }
  const phases = filter.status ? PHASES[filter.status] : ['true'];
  const names = filter.phone
    ? wholePhone(filter.phone, bind)
    : [{ where: filter.q ? partOf(filter.q, bind) : 'true', isOne: false }];
  const branches = phases.flatMap((phase) =>
    names.map((name) => ({ where: [...where, phase, name.where].join(' and '), isOne: name.isOne })),
  );
  return { values, branches };
}

/** Found by the key that keeps people apart; lines that repeat a person have a key of their own, and are all skipped. */
function wholePhone(phone: PhoneNumber, bind: (value: unknown) => string): Branch[] {
  const identity = bind(`phone:${phone}`);
  return [
    { where: `campaign_id = $2 and identity = ${identity}`, isOne: true },
    { where: `phase = 3 and phone = ${bind(phone)} and identity <> ${identity}`, isOne: false },
  ];
}

/** A phone in any spelling, by its digits. */
function partOf(q: string, bind: (value: unknown) => string): string {
  const text = q.trim();
  const isPhone = /^[+0-9()\-.\s]*$/.test(text) && /[0-9]/.test(text);
  const pattern = bind(containing(text));
  return [
    `(name ilike ${pattern}`,
    `user_id = ${bind(text)}`,
    `phone like ${isPhone ? bind(`%${text.replace(/[^0-9]/g, '')}%`) : pattern})`,
  ].join(' or ');
}
