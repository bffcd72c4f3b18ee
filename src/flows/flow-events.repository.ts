import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import { columnsOf, json } from '../database/unnest.js';
import type { FlowEvent, FlowState } from './flow-events.js';

/** A flow as events change it. */
export interface EventedFlow extends FlowState {
  id: number;
  accountId: number;
  metaFlowId: string;
  name: string;
}

/** What events of Meta's change. */
@Injectable()
export class FlowEventsRepository {
  /** The flows that events are of, locked in the order of their ids. */
  async lock(tx: Tx, events: readonly FlowEvent[]): Promise<EventedFlow[]> {
    return tx.query<EventedFlow>(
      `select f.id, f.account_id as "accountId", f.meta_flow_id as "metaFlowId", f.name, f.status,
         f.status_at as "statusAt", f.health
       from flows f
       where exists (
         select 1 from unnest($1::bigint[], $2::text[]) as u (account_id, meta_flow_id)
         where f.account_id = u.account_id and f.meta_flow_id = u.meta_flow_id)
       order by f.id for no key update of f`,
      columnsOf(
        events,
        (event) => event.accountId,
        (event) => event.metaFlowId,
      ),
    );
  }

  async write(tx: Tx, flows: readonly EventedFlow[]): Promise<void> {
    await tx.query(
      `update flows f set status = u.status, status_at = u.status_at, health = u.health,
         updated_at = case when (f.status, f.health) is distinct from (u.status, u.health) then now() else f.updated_at end
       from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::jsonb[]) as u (id, status, status_at, health)
       where f.id = u.id`,
      columnsOf(
        flows,
        (flow) => flow.id,
        (flow) => flow.status,
        (flow) => flow.statusAt,
        (flow) => json(flow.health),
      ),
    );
  }
}
