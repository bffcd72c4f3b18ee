import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { counter, gauge } from '../common/metrics.js';
import { sleep } from '../common/sleep.js';
import { Config } from '../config/config.js';
import { LOGGER } from '../config/logger.module.js';
import { Database } from './database.js';
import { isRetryable } from './pg-error.js';
import { RetentionGuards, type OldPart } from './retention-guards.js';
import { RetentionRepository } from './retention.repository.js';

interface Retained {
  table: string;
  /** By which it is partitioned, or its rows are old. */
  column: string;
  /** 0: for ever. */
  days: number;
  isPartitioned: boolean;
  /** The table refuses to have rows deleted: only whole partitions go. */
  isAppendOnly?: boolean;
}

/** Rows that one statement deletes. */
const ROWS = 5_000;
/** How often a partition that is in use is tried again, and after how long, in ms; then in the next round. */
const TRIES = 3;
const TRY_AGAIN_MS = 500;
/** What Meta told of accounts is shown for as long as anybody asks why. */
const ACCOUNT_EVENT_DAYS = 365;

const dropped = counter('parley_retention_dropped_total', 'Partitions dropped because all in them was old', ['table']);
const deleted = counter('parley_retention_deleted_total', 'Old rows deleted one by one', ['table']);
const kept = gauge('parley_retention_overdue', 'Old partitions that could not go yet', ['table']);

/**
 * What is old goes: whole partitions, in a moment each, whatever is in them; row by row only what found no partition, and
 * tables that have none. Whoever still has work with old rows says so ({@link RetentionGuards}), and they stay.
 */
@Injectable()
export class Retention {
  private readonly retained: readonly Retained[];

  constructor(
    config: Config,
    private readonly database: Database,
    private readonly repository: RetentionRepository,
    private readonly guards: RetentionGuards,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    const { webhookLogs, events, deliveries, audit } = config.retention;
    const created = { column: 'created_at', isPartitioned: true };
    this.retained = [
      { table: 'webhook_logs', column: 'received_at', days: webhookLogs, isPartitioned: true },
      { ...created, table: 'webhook_deliveries', days: deliveries },
      { ...created, table: 'outbox_events', days: events },
      { ...created, table: 'audit_log', days: audit, isAppendOnly: true },
      { table: 'account_events', column: 'created_at', days: ACCOUNT_EVENT_DAYS, isPartitioned: false },
      { table: 'webhook_replays', column: 'created_at', days: webhookLogs, isPartitioned: false },
    ];
  }

  /** One round over all tables. Safe to run by many at once. @returns what was dropped */
  async run(signal: AbortSignal = new AbortController().signal): Promise<string[]> {
    await this.repository.ensurePartitions();
    const there = new Set(await this.repository.existing(this.retained.map(({ table }) => table)));
    for (const item of this.retained) {
      if (there.has(item.table) && item.days > 0 && !signal.aborted) {
        await this.retain(item, signal);
      }
    }
    const names = await this.repository.dropCutOff();
    if (names.length > 0) {
      this.logger.info({ context: 'Retention', partitions: names }, 'old partitions dropped');
    }
    return names;
  }

  private async retain(item: Retained, signal: AbortSignal): Promise<void> {
    if (!item.isPartitioned) {
      await this.deleteRows(item, (before) =>
        this.repository.deleteRows(this.database, item.table, item.column, before, ROWS),
      );
      return;
    }
    let overdue = 0;
    for (const part of await this.repository.oldPartitions(item.table, item.days)) {
      if (!signal.aborted && !(await this.drop(part, signal))) {
        overdue += 1;
      }
    }
    kept.set({ table: item.table }, overdue);
    const before = await this.repository.daysAgo(item.days);
    const rest = { table: item.table, name: `${item.table}_default`, from: null, to: before };
    if (!item.isAppendOnly && (await this.mayGo(rest))) {
      await this.deleteRows(item, () => this.repository.deleteFromDefault(item.table, item.column, before, ROWS));
    }
  }

  /** @returns whether it is gone */
  private async drop(part: OldPart, signal: AbortSignal): Promise<boolean> {
    if (!(await this.mayGo(part))) {
      return false;
    }
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await this.repository.cutOff(part);
        dropped.inc({ table: part.table });
        return true;
      } catch (error) {
        if (!isRetryable(error)) {
          throw error;
        }
        if (attempt === TRIES) {
          this.logger.warn(
            { context: 'Retention', partition: part.name },
            'an old partition is in use; tried again later',
          );
          return false;
        }
        await sleep(TRY_AGAIN_MS * Math.random() * attempt, signal);
      }
    }
    return false;
  }

  private async mayGo(part: OldPart): Promise<boolean> {
    const reason = await this.guards.reasonToKeep(this.database, part);
    if (reason !== null) {
      this.logger.warn({ context: 'Retention', partition: part.name, reason }, 'what is old must stay for now');
    }
    return reason === null;
  }

  private async deleteRows(item: Retained, some: (before: Date) => Promise<number>): Promise<void> {
    const before = await this.repository.daysAgo(item.days);
    for (let count = ROWS; count === ROWS;) {
      count = await some(before);
      deleted.inc({ table: item.table }, count);
    }
  }
}
