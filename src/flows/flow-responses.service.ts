import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError } from '../common/app-error.js';
import { decodeCursor, toPage, type Page } from '../common/page.js';
import { Database } from '../database/database.js';
import { FlowResponsesRepository, type FlowResponseFilter, type FlowResponseRow } from './flow-responses.repository.js';
import { FlowsService } from './flows.service.js';

/** Which answers of an account. */
export type FlowResponseQuery = Omit<FlowResponseFilter, 'accountId' | 'flowId'>;

/** Numbers above a list of answers. */
export interface FlowTotals {
  total: number;
  unprocessed: number;
  sent: number;
  completed: number;
}

/** What an export begins with, and its rows, page by page. */
export interface FlowResponseExport {
  /** Names of all that was answered. */
  keys: string[];
  pages: AsyncIterable<FlowResponseRow[]>;
}

const LIST = 'flow_responses';
const EXPORT_PAGE = 1_000;

/** What people answered in flows, for those who deal with it. */
@Injectable()
export class FlowResponses {
  constructor(
    private readonly database: Database,
    private readonly repository: FlowResponsesRepository,
    private readonly flows: FlowsService,
    private readonly audit: AuditTrail,
  ) {}

  /** Answers of one flow, the newest first, with the numbers of the flow. @throws `flow_not_found` */
  async list(
    accountId: number,
    flowId: number,
    query: FlowResponseQuery & { limit: number; cursor?: string | undefined },
  ): Promise<Page<FlowResponseRow> & FlowTotals> {
    const flow = await this.flows.get(accountId, flowId);
    const totals = await this.repository.totals(this.database, { accountId, flowId });
    const page = await this.page({ ...query, accountId, flowId }, query);
    return { ...page, ...totals, sent: flow.sentCount, completed: flow.completionCount };
  }

  /** Answers of all flows of an account, or of none that is known here. */
  async listAll(
    accountId: number,
    query: FlowResponseQuery & { unmatched: boolean; limit: number; cursor?: string | undefined },
  ): Promise<Page<FlowResponseRow>> {
    return this.page({ ...query, accountId, flowId: query.unmatched ? null : undefined }, query);
  }

  /** @param flowId null: the answer is to no flow that is known here @throws `not_found`, `flow_not_found` */
  async mark(
    accountId: number,
    flowId: number | null,
    id: number,
    processed: boolean | undefined,
  ): Promise<FlowResponseRow> {
    if (flowId !== null) {
      await this.flows.read(accountId, flowId);
    }
    const key = { accountId, flowId, id };
    const response =
      processed === undefined
        ? await this.repository.find(this.database, key)
        : await this.repository.setProcessed(this.database, key, processed);
    if (!response) {
      throw new AppError('not_found', 'There is no such response.');
    }
    return response;
  }

  /** @param flowId null: answers to no flow that is known here @throws `flow_not_found` */
  async export(accountId: number, flowId: number | null, query: FlowResponseQuery): Promise<FlowResponseExport> {
    if (flowId !== null) {
      await this.flows.read(accountId, flowId);
    }
    const filter = { ...query, accountId, flowId };
    // Before the first row is out.
    await this.audit.append(this.database, [
      { action: 'flow.responses_exported', objectType: 'flow', objectId: flowId, accountId },
    ]);
    return { keys: await this.repository.keys(this.database, filter), pages: this.each(filter) };
  }

  private async page(
    filter: FlowResponseFilter,
    { limit, cursor }: { limit: number; cursor?: string | undefined },
  ): Promise<Page<FlowResponseRow>> {
    const rows = await this.repository.list(this.database, filter, {
      after: cursor === undefined ? null : afterOf(cursor),
      limit: limit + 1,
    });
    return toPage(LIST, rows, limit, (row) => [row.completedAt.toISOString(), row.id]);
  }

  private async *each(filter: FlowResponseFilter): AsyncGenerator<FlowResponseRow[]> {
    let after: { completedAt: string; id: number } | null = null;
    for (;;) {
      const rows: FlowResponseRow[] = await this.repository.list(this.database, filter, { after, limit: EXPORT_PAGE });
      if (rows.length > 0) {
        yield rows;
      }
      const last = rows.at(-1);
      if (!last || rows.length < EXPORT_PAGE) {
        return;
      }
      after = { completedAt: last.completedAt.toISOString(), id: last.id };
    }
  }
}

function afterOf(cursor: string): { completedAt: string; id: number } {
  const [completedAt, id] = decodeCursor(LIST, cursor, 2);
  if (typeof completedAt !== 'string' || typeof id !== 'number' || Number.isNaN(Date.parse(completedAt))) {
    throw new AppError('bad_cursor', 'Take the cursor from next_cursor of the previous page, unchanged.');
  }
  return { completedAt: new Date(completedAt).toISOString(), id };
}
