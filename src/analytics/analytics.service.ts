import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AccountsService } from '../accounts/accounts.service.js';
import type { Page } from '../common/page.js';
import { Database } from '../database/database.js';
import { mayUse, type Principal } from '../http/principal.js';
import type {
  AgentFiguresDto,
  CampaignFiguresDto,
  ChargeDto,
  ConversationCountsDto,
  CostDto,
  DayDto,
  FiguresDto,
  LabelFiguresDto,
  TemplateFiguresDto,
} from './analytics.dto.js';
import { NO_MESSAGES, toDurations, toOutbound, type MessageCounts } from './figures.js';
import {
  FiguresRepository,
  type ConversationKind,
  type Extent,
  type KeyedCharge,
  type KindBin,
} from './figures.repository.js';
import { previousOf, readPeriod, type Period, type PeriodQuery, type Span } from './period.js';
import { reportPage, type PageWish } from './report-page.js';

const MICROS = 1_000_000;

/** What is asked: whose figures, and of when. */
export interface Question extends Period {
  accountIds: number[];
}

/** Figures of a period, from tables that are kept up with the facts. */
@Injectable()
export class AnalyticsService {
  constructor(
    private readonly database: Database,
    private readonly figures: FiguresRepository,
    private readonly accounts: AccountsService,
  ) {}

  /** Reads what a request asks. With `all_accounts` all active ones that the key may use. @throws 400 naming the field */
  async question(
    account: Account,
    principal: Principal,
    query: PeriodQuery & { all_accounts?: boolean | undefined },
  ): Promise<Question> {
    const period = readPeriod(query);
    if (!query.all_accounts) {
      return { ...period, accountIds: [account.id] };
    }
    const all = (await this.accounts.snapshot()).filter(({ id, isActive }) => isActive && mayUse(principal, id));
    return { ...period, accountIds: all.map(({ id }) => id) };
  }

  async overview(question: Question, withPrevious: boolean): Promise<FiguresDto & { previous: FiguresDto | null }> {
    const [now, previous] = await Promise.all([
      this.sumUp(question, question),
      withPrevious ? this.sumUp(question, previousOf(question)) : null,
    ]);
    return { ...now, previous };
  }

  /** Every day, the oldest first. */
  async daily(question: Question): Promise<DayDto[]> {
    const days = question.days.map(({ from }) => from);
    const [messages, conversations] = await Promise.all([
      this.figures.messageDays(this.database, question, days),
      this.figures.conversationDays(this.database, question, days),
    ]);
    const counts = new Map(messages.map((row) => [row.day, row]));
    return question.days.map(({ date }, index) => {
      const of = counts.get(index + 1) ?? NO_MESSAGES;
      const kinds = conversations.filter(({ day }) => day === index + 1);
      return {
        date,
        inbound: { received: of.received },
        outbound: toOutbound(of),
        conversations: toConversationCounts(kinds),
      };
    });
  }

  async campaigns(question: Question, wish: PageWish): Promise<Page<CampaignFiguresDto>> {
    const [rows, charges] = await Promise.all([
      this.figures.campaigns(this.database, question),
      this.figures.chargesByCampaign(this.database, question),
    ]);
    const page = reportPage('analytics-campaigns', rows, wish, (row) => placeOf(row, nameOf(row.id)));
    const ids = page.rows.map(({ id }) => id);
    const facts = await this.figures.campaignFacts(this.database, question.accountIds, ids);
    const known = new Map(facts.map((fact) => [fact.id, fact]));
    return {
      nextCursor: page.nextCursor,
      rows: page.rows.map((row) => ({
        campaign_id: row.id,
        name: known.get(row.id)?.name ?? null,
        status: known.get(row.id)?.status ?? null,
        created_at: known.get(row.id)?.created_at.toISOString() ?? null,
        outbound: toOutbound(row),
        replied_count: known.get(row.id)?.replied_count ?? 0,
        opted_out_count: known.get(row.id)?.opted_out_count ?? 0,
        costs: costsOf(charges, String(row.id)),
      })),
    };
  }

  async templates(question: Question, wish: PageWish): Promise<Page<TemplateFiguresDto>> {
    const [rows, charges] = await Promise.all([
      this.figures.templates(this.database, question),
      this.figures.chargesByTemplate(this.database, question),
    ]);
    const page = reportPage('analytics-templates', rows, wish, (row) => placeOf(row, `${row.name} ${row.language}`));
    return {
      nextCursor: page.nextCursor,
      rows: page.rows.map((row) => ({
        name: row.name,
        language: row.language,
        outbound: toOutbound(row),
        costs: costsOf(charges, `${row.name} ${row.language}`),
      })),
    };
  }

  async agents(question: Question, wish: PageWish): Promise<Page<AgentFiguresDto>> {
    const [sent, happened, open] = await Promise.all([
      this.figures.agents(this.database, question),
      this.figures.conversationsByAgent(this.database, question),
      this.figures.openByAgent(this.database, question.accountIds),
    ]);
    const messages = new Map(sent.map((row) => [row.agent, row]));
    const openOf = new Map(open.map((row) => [row.agent, row.open]));
    const names = new Set([...messages.keys(), ...happened.map(({ agent }) => agent), ...openOf.keys()]);
    const page = reportPage('analytics-agents', [...names], wish, (agent) =>
      placeOf(messages.get(agent) ?? NO_MESSAGES, agent),
    );
    return {
      nextCursor: page.nextCursor,
      rows: page.rows.map((agent) => {
        const theirs = happened.filter((row) => row.agent === agent);
        return {
          agent: agent === '' ? null : agent,
          outbound: toOutbound(messages.get(agent) ?? NO_MESSAGES),
          ...durationsOf(theirs),
          resolved: countOf(theirs, 'resolved'),
          open_conversations: openOf.get(agent) ?? 0,
        };
      }),
    };
  }

  async labels(question: Question, wish: PageWish): Promise<Page<LabelFiguresDto>> {
    const [labels, happened] = await Promise.all([
      this.figures.labelFacts(this.database, question.accountIds),
      this.figures.conversationsByLabel(this.database, question),
    ]);
    const page = reportPage('analytics-labels', labels, wish, (label) => ({
      volume: label.conversations,
      name: nameOf(label.id),
    }));
    return {
      nextCursor: page.nextCursor,
      rows: page.rows.map((label) => {
        const of = happened.filter((row) => row.label_id === label.id);
        return {
          label_id: label.id,
          name: label.name,
          color: label.color,
          conversations: label.conversations,
          open_conversations: label.open,
          unread_conversations: label.unread,
          labelled: countOf(of, 'labelled'),
          opened: countOf(of, 'opened'),
          resolved: countOf(of, 'resolved'),
          ...durationsOf(of),
        };
      }),
    };
  }

  async costs(question: Question, wish: PageWish): Promise<Page<ChargeDto> & { totals: CostDto[] }> {
    const rows = await this.figures.charges(this.database, question);
    const page = reportPage('analytics-costs', rows, wish, (row) => ({
      volume: row.messages,
      name: `${row.currency} ${row.category} ${row.type} ${row.country}`,
    }));
    return {
      nextCursor: page.nextCursor,
      totals: totalsOf(rows),
      rows: page.rows.map((row) => ({
        currency: row.currency === '' ? null : row.currency,
        category: row.category,
        type: row.type,
        country: row.country === '' ? null : row.country,
        messages: row.messages,
        cost: row.currency === '' ? null : row.cost_micros / MICROS,
      })),
    };
  }

  private async sumUp({ accountIds }: Question, span: Span): Promise<FiguresDto> {
    const extent: Extent = { accountIds, from: span.from, to: span.to };
    const [messages, conversations, charges] = await Promise.all([
      this.figures.messages(this.database, extent),
      this.figures.conversations(this.database, extent),
      this.figures.charges(this.database, extent),
    ]);
    return {
      from: span.from.toISOString(),
      to: span.to.toISOString(),
      inbound: { received: messages.received },
      outbound: toOutbound(messages),
      conversations: toConversationCounts(conversations),
      ...durationsOf(conversations),
      costs: totalsOf(charges),
    };
  }
}

function placeOf({ sent, failed }: MessageCounts, name: string): { volume: number; name: string } {
  return { volume: sent + failed, name };
}

/** The newest first among those with as much. */
function nameOf(id: number): string {
  return String(Number.MAX_SAFE_INTEGER - id).padStart(16, '0');
}

function countOf(rows: readonly { kind: ConversationKind; n: number }[], kind: ConversationKind): number {
  return rows.reduce((sum, row) => (row.kind === kind ? sum + row.n : sum), 0);
}

function toConversationCounts(rows: readonly { kind: ConversationKind; n: number }[]): ConversationCountsDto {
  return { opened: countOf(rows, 'opened'), answered: countOf(rows, 'answered'), resolved: countOf(rows, 'resolved') };
}

function durationsOf(rows: readonly KindBin[]): Pick<FiguresDto, 'first_response' | 'resolution'> {
  return {
    first_response: toDurations(rows.filter(({ kind }) => kind === 'answered')),
    resolution: toDurations(rows.filter(({ kind }) => kind === 'resolved')),
  };
}

function costsOf(charges: readonly KeyedCharge[], key: string): CostDto[] {
  return totalsOf(charges.filter((charge) => charge.key === key));
}

function totalsOf(charges: readonly { currency: string; cost_micros: number }[]): CostDto[] {
  const totals = new Map<string, number>();
  for (const { currency, cost_micros: micros } of charges) {
    if (currency !== '') {
      totals.set(currency, (totals.get(currency) ?? 0) + micros);
    }
  }
  return [...totals].sort().map(([currency, micros]) => ({ currency, cost: micros / MICROS }));
}
