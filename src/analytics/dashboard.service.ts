import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { CampaignsRepository } from '../campaigns/campaigns.repository.js';
import { Database } from '../database/database.js';
import type { Principal, Scope } from '../http/principal.js';
import type { DashboardDto } from './dashboard.dto.js';
import { DashboardRepository, type RecentConversation } from './dashboard.repository.js';
import { FiguresRepository } from './figures.repository.js';
import { readTimeZone, startOfToday } from './period.js';

const RECENT = 5;

/** The page one opens first. */
@Injectable()
export class DashboardService {
  constructor(
    private readonly database: Database,
    private readonly dashboard: DashboardRepository,
    private readonly figures: FiguresRepository,
    private readonly campaigns: CampaignsRepository,
  ) {}

  /** Names and phones are for keys that may read them anyway. @throws 400 for an unknown time zone */
  async get(account: Account, principal: Principal, timeZone: string | undefined): Promise<DashboardDto> {
    const now = new Date();
    const zone = readTimeZone(timeZone);
    const today = { accountIds: [account.id], from: startOfToday(zone, now), to: new Date(now.getTime() + 86_400_000) };
    const [tiles, contacts, messages, conversations, campaigns] = await Promise.all([
      this.dashboard.tiles(this.database, account.id),
      this.dashboard.countContacts(this.database, principal.accountIds),
      this.figures.messages(this.database, today),
      has(principal, 'inbox:read') ? this.dashboard.recentConversations(this.database, account.id, RECENT) : null,
      has(principal, 'campaigns:read')
        ? this.campaigns.list(this.database, { accountId: account.id, beforeId: null, limit: RECENT })
        : null,
    ]);
    return {
      account_id: account.id,
      time_zone: zone,
      contacts: { total: contacts },
      conversations: { total: tiles.conversations, unread: tiles.unread },
      campaigns: { total: tiles.campaigns, running: tiles.running },
      messages_today: {
        total: messages.received + messages.sent,
        inbound: messages.received,
        outbound: messages.sent,
      },
      recent_conversations: conversations?.map(toConversation) ?? null,
      recent_campaigns:
        campaigns?.map(({ id, name, status, total_count, sent_count, failed_count, created_at }) => ({
          id,
          name,
          status,
          total_count,
          sent_count,
          failed_count,
          created_at: created_at.toISOString(),
        })) ?? null,
    };
  }
}

function has({ scopes }: Principal, scope: Scope): boolean {
  return scopes.has('*') || scopes.has(scope);
}

function toConversation({
  phone,
  last_message_at: at,
  ...row
}: RecentConversation): NonNullable<DashboardDto['recent_conversations']>[number] {
  return { ...row, phone_number: phone, last_message_at: at?.toISOString() ?? null };
}
