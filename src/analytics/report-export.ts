import { Injectable } from '@nestjs/common';
import type { Report } from './analytics.dto.js';
import { AnalyticsService, type Question } from './analytics.service.js';
import { COLUMNS, reportCsv } from './report-csv.js';

/** More rows are in no file: that many agents or templates nobody has. */
const MOST_ROWS = 100_000;

/** Reports as files, whole. */
@Injectable()
export class ReportExport {
  constructor(private readonly analytics: AnalyticsService) {}

  async csv(report: Report, question: Question): Promise<string> {
    return reportCsv(await this.rows(report, question), COLUMNS[report]);
  }

  private async rows(report: Report, question: Question): Promise<object[]> {
    const wish = { limit: MOST_ROWS };
    switch (report) {
      case 'overview':
        return [await this.analytics.overview(question, false)];
      case 'daily':
        return this.analytics.daily(question);
      case 'campaigns':
        return (await this.analytics.campaigns(question, wish)).rows;
      case 'templates':
        return (await this.analytics.templates(question, wish)).rows;
      case 'agents':
        return (await this.analytics.agents(question, wish)).rows;
      case 'labels':
        return (await this.analytics.labels(question, wish)).rows;
      case 'costs':
        return (await this.analytics.costs(question, wish)).rows;
    }
  }
}
