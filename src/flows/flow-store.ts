import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { Database, type Tx } from '../database/database.js';
import type { Flow } from './flow.entity.js';
import type { SyncedFlow } from './flow-reading.js';
import { FlowsRepository, type UpsertedFlow } from './flows.repository.js';
import { FlowsService } from './flows.service.js';

/** A token nobody can guess: it is all that guards the path of a flow's endpoint. */
export function newEndpointToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Writes down what became of a flow, each in a transaction of its own. */
@Injectable()
export class FlowStore {
  constructor(
    private readonly database: Database,
    private readonly repository: FlowsRepository,
    private readonly flows: FlowsService,
    private readonly audit: AuditTrail,
  ) {}

  insert(flow: Partial<Flow> & { accountId: number }): Promise<Flow> {
    return this.database.transaction(async (tx) => {
      const id = await this.repository.insert(tx, flow);
      return this.flows.require(tx, flow.accountId, id);
    });
  }

  /**
   * @param deed to write down in the audit log, when it is one: `published`
   * @throws `flow_not_found` when it was deleted meanwhile
   */
  update(accountId: number, id: number, changes: Partial<Flow>, deed?: string): Promise<Flow> {
    return this.database.transaction(async (tx) => {
      await this.repository.update(tx, accountId, id, changes);
      await this.note(tx, accountId, id, deed);
      return this.flows.require(tx, accountId, id);
    });
  }

  /** What Meta has, as it was read since `askedAt`; answers that waited for a flow find it. */
  keep(accountId: number, found: readonly SyncedFlow[], askedAt: Date): Promise<UpsertedFlow[]> {
    return this.database.transaction(async (tx) => {
      const rows = await this.repository.upsert(
        tx,
        accountId,
        found.map((flow) => ({ ...flow, endpointToken: newEndpointToken() })),
        askedAt,
      );
      await this.repository.adoptAnswers(
        tx,
        accountId,
        rows.map(({ id }) => id),
      );
      return rows;
    });
  }

  /** @param deed as in {@link update} */
  remove(accountId: number, id: number, deed?: string): Promise<void> {
    return this.database.transaction(async (tx) => {
      await this.repository.remove(tx, accountId, id);
      await this.note(tx, accountId, id, deed);
    });
  }

  unlinkGone(accountId: number, notSeenSince: Date): Promise<number> {
    return this.database.transaction((tx) => this.repository.unlinkGone(tx, accountId, notSeenSince));
  }

  private async note(tx: Tx, accountId: number, id: number, deed: string | undefined): Promise<void> {
    if (deed !== undefined) {
      await this.audit.append(tx, [{ action: `flow.${deed}`, objectType: 'flow', objectId: id, accountId }]);
    }
  }

  /** The database's clock. */
  now(): Promise<Date> {
    return this.repository.now(this.database);
  }
}
