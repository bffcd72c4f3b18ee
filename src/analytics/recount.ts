import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { ALL_OF_TIME, StatisticsRepository, type Difference } from '../inbox/statistics/statistics.repository.js';

/** What a recount found. */
export interface RecountReport {
  from: Date;
  to: Date;
  /** Nothing differs. */
  isEqual: boolean;
  isFixed: boolean;
  differences: Difference[];
}

/** Counts all facts anew and compares them with the statistics: for operators, and for whoever brings in facts by themselves. */
@Injectable()
export class Recount {
  constructor(
    private readonly database: Database,
    private readonly statistics: StatisticsRepository,
  ) {}

  /** Bounds are full quarters of an hour. @param fix appends what differs; messages may go on being sent meanwhile */
  async run({
    from = ALL_OF_TIME.from,
    to = ALL_OF_TIME.to,
    fix = false,
  }: {
    from?: Date;
    to?: Date;
    fix?: boolean;
  }): Promise<RecountReport> {
    const differences = await this.database.transaction((tx) => this.statistics.recount(tx, { from, to, fix }));
    const isEqual = differences.every(({ rows }) => rows === 0);
    return { from, to, isEqual, isFixed: fix && !isEqual, differences };
  }
}
