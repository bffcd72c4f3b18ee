import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error.js';
import { decodeIdCursor, toPage, type Page } from '../common/page.js';
import { Database, type Queryable } from '../database/database.js';
import { FlowTokens } from '../inbox/flow-tokens.service.js';
import type { Flow } from './flow.entity.js';
import { FlowsRepository, type FlowFilter, type FlowRow } from './flows.repository.js';

const LIST = 'flows';

/** A flow, and how often it was sent. */
export type CountedFlow<T extends FlowRow = Flow> = T & { sentCount: number };

/** Flows as they are here. */
@Injectable()
export class FlowsService {
  constructor(
    private readonly database: Database,
    private readonly repository: FlowsRepository,
    private readonly tokens: FlowTokens,
  ) {}

  async list(
    accountId: number,
    query: Pick<FlowFilter, 'q' | 'status'> & { limit: number; cursor?: string | undefined },
  ): Promise<Page<CountedFlow<FlowRow>>> {
    const { limit, cursor, ...filter } = query;
    const rows = await this.repository.list(
      this.database,
      { ...filter, accountId, beforeId: decodeIdCursor(LIST, cursor) },
      limit + 1,
    );
    const page = toPage(LIST, rows, limit, (row) => [row.id]);
    return { ...page, rows: await this.counted(accountId, page.rows) };
  }

  /** @throws `flow_not_found` */
  async require(q: Queryable, accountId: number, id: number): Promise<Flow> {
    const flow = await this.repository.find(q, accountId, id);
    if (!flow) {
      throw new AppError('flow_not_found', 'There is no such flow.');
    }
    return flow;
  }

  read(accountId: number, id: number): Promise<Flow> {
    return this.require(this.database, accountId, id);
  }

  /** As {@link read}, with how often it was sent. */
  async get(accountId: number, id: number): Promise<CountedFlow> {
    const [flow] = await this.counted(accountId, [await this.read(accountId, id)]);
    return flow as CountedFlow;
  }

  private async counted<T extends FlowRow>(accountId: number, flows: readonly T[]): Promise<CountedFlow<T>[]> {
    const counts = flows.length === 0 ? [] : await this.tokens.countSent(this.database, accountId, flows);
    return flows.map((flow) => ({
      ...flow,
      // One that was sent by its name has no id beside it.
      sentCount: counts
        .filter(({ metaFlowId, flowName }) =>
          metaFlowId === null ? flowName === flow.name : metaFlowId === flow.metaFlowId,
        )
        .reduce((sum, { count }) => sum + count, 0),
    }));
  }
}
