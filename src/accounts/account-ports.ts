import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import type { Standing } from './account-events.js';

/** Something that Meta said of an account, or that was done to it. */
export type AccountOccasion =
  /** Meta stopped it or lets it send again. */
  | { kind: 'standing'; standing: Standing; until: Date | null; message: string; whatToDo: string }
  /** Its display name was approved. */
  | { kind: 'name_approved' }
  /** It has another access token. */
  | { kind: 'credentials' }
  /** Its owner switched it off. */
  | { kind: 'deactivated' };

/** What it did to campaigns, for whoever tells of it. */
export interface OccasionOutcome {
  pausedIds: readonly number[];
  resumedIds: readonly number[];
}

type Handler = (tx: Tx, accountId: number, occasion: AccountOccasion) => Promise<OccasionOutcome>;

/** Who has to know when an account may send or may not. Modules above accounts register; all in one transaction. */
@Injectable()
export class AccountPorts {
  private readonly handlers: Handler[] = [];

  onOccasion(handler: Handler): void {
    this.handlers.push(handler);
  }

  async tell(tx: Tx, accountId: number, occasion: AccountOccasion): Promise<OccasionOutcome> {
    const outcomes: OccasionOutcome[] = [];
    for (const handler of this.handlers) {
      outcomes.push(await handler(tx, accountId, occasion));
    }
    return {
      pausedIds: outcomes.flatMap((outcome) => outcome.pausedIds),
      resumedIds: outcomes.flatMap((outcome) => outcome.resumedIds),
    };
  }
}
