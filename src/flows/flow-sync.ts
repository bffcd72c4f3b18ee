import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { requireWaba } from '../accounts/require-waba.js';
import { AppError } from '../common/app-error.js';
import { FlowsApi, type MetaFlow } from '../meta/api/flows.js';
import type { WabaAccount } from '../meta/api/templates.js';
import { readingProblem } from '../meta/graph-problem.js';
import { readFlow, type SyncedFlow } from './flow-reading.js';
import { FlowStore } from './flow-store.js';

export interface FlowSyncResult {
  /** Flows of Meta's that are as Meta has them now. */
  synced: number;
  created: number;
  updated: number;
  /** Drafts that Meta has no longer: they stay here. */
  removed: number;
}

/** Why an account without a WABA has none. */
export const OF_WABA = 'flows belong to the WABA';
/** More pages than this is a paging that does not end. */
const MAX_PAGES = 100;
/** Meta: a cursor it no longer knows; begin without one. */
const BAD_CURSOR = 131_059;

/** Brings the flows of an account from Meta. */
@Injectable()
export class FlowSync {
  constructor(
    private readonly api: FlowsApi,
    private readonly store: FlowStore,
  ) {}

  /**
   * Reads every page and writes each as it comes; what was written before a failure stays, for it is true. One whose creation
   * got no answer is found by its name.
   * @throws `account_credentials_missing` when the account has no `waba_id`; `graph_error` with Meta's words
   */
  async run(account: Account): Promise<FlowSyncResult> {
    const waba = requireWaba(account, OF_WABA);
    const startedAt = await this.store.now();
    const result: FlowSyncResult = { synced: 0, created: 0, updated: 0, removed: 0 };
    for await (const page of this.pages(waba)) {
      const rows = await this.store.keep(account.id, distinct(page), startedAt);
      result.synced += rows.length;
      result.created += rows.filter(({ isNew }) => isNew).length;
      result.updated += rows.filter(({ isChanged }) => isChanged).length;
    }
    result.removed = await this.store.unlinkGone(account.id, startedAt);
    return result;
  }

  private async *pages(account: WabaAccount): AsyncGenerator<MetaFlow[]> {
    let after: string | null = null;
    let restarts = 0;
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const answer = await this.api.list(account, after);
      if (!answer.ok) {
        if (answer.failure.code === BAD_CURSOR && restarts === 0) {
          restarts += 1;
          after = null;
          continue;
        }
        throw readingProblem(answer.failure);
      }
      yield answer.body.flows;
      if (answer.body.after === null || answer.body.after === after) {
        return;
      }
      after = answer.body.after;
    }
    throw new AppError('graph_error', `Meta's list of flows did not end after ${MAX_PAGES} pages.`);
  }
}

/** A list that moves while it is paged may name a flow twice; one statement can write a row once. */
function distinct(page: readonly MetaFlow[]): SyncedFlow[] {
  const flows = page.flatMap((flow) => readFlow(flow) ?? []);
  return [...new Map(flows.map((flow) => [flow.metaFlowId, flow])).values()];
}
