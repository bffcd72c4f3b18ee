import { Injectable } from '@nestjs/common';
import type { Tx } from '../database/database.js';
import type { MediaState } from './media-state.js';

/** A file that reached an end: its bytes are kept, or were given up. */
export interface SettledFile {
  id: number;
  accountId: number;
  state: MediaState;
}

export type SettledHandler = (tx: Tx, files: readonly SettledFile[]) => Promise<void>;

/** Lets modules above hear of files that were stored or given up, in the transaction that says so. */
@Injectable()
export class SettledFiles {
  private readonly handlers: SettledHandler[] = [];

  register(handler: SettledHandler): void {
    this.handlers.push(handler);
  }

  async tell(tx: Tx, files: readonly SettledFile[]): Promise<void> {
    for (const handler of this.handlers) {
      await handler(tx, files);
    }
  }
}
