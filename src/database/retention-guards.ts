import { Injectable } from '@nestjs/common';
import type { Queryable } from './database.js';

/** Rows of a partitioned table that are old enough to go: a partition, or what of the default one is older. */
export interface OldPart {
  /** The partitioned table. */
  table: string;
  /** The partition. */
  name: string;
  /** Null: from the beginning. */
  from: Date | null;
  /** All that goes is older than this. */
  to: Date;
}

/** @returns why the part must stay for now, in words for a log; null: it may go */
export type RetentionGuard = (q: Queryable, part: OldPart) => Promise<string | null>;

/** What is old goes unless somebody still has work with it. Modules register for their tables when they start. */
@Injectable()
export class RetentionGuards {
  private readonly guards = new Map<string, RetentionGuard[]>();

  register(table: string, guard: RetentionGuard): void {
    this.guards.set(table, [...(this.guards.get(table) ?? []), guard]);
  }

  async reasonToKeep(q: Queryable, part: OldPart): Promise<string | null> {
    for (const guard of this.guards.get(part.table) ?? []) {
      const reason = await guard(q, part);
      if (reason !== null) {
        return reason;
      }
    }
    return null;
  }
}
