import { Controller, Get, Param, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse } from '@nestjs/swagger';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Operation } from '../http/operation.js';
import {
  AgentReportDto,
  CampaignReportDto,
  CostReportDto,
  DailyDto,
  LabelReportDto,
  OverviewDto,
  OverviewQueryDto,
  PeriodQueryDto,
  ReportParam,
  ReportQueryDto,
  TemplateReportDto,
} from './analytics.dto.js';
import { AnalyticsService, type Question } from './analytics.service.js';
import { ReportExport } from './report-export.js';

const READ = { tag: 'Analytics', scope: 'analytics:read' } as const;
const PAGED = { ...READ, errors: ['bad_cursor'] as 'bad_cursor'[] };

const WHAT_COUNTS =
  'A message counts at its own time (ours: when it was sent), whenever its statuses come. Figures stay when messages are ' +
  'hidden, campaigns deleted or people erased: it happened.';

@Controller('analytics')
export class AnalyticsController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly analytics: AnalyticsService,
    private readonly files: ReportExport,
  ) {}

  @Get('overview')
  @Operation({
    ...READ,
    id: 'getAnalyticsOverview',
    summary: 'Sum up a period: messages both ways, conversations, response times, costs',
    description: WHAT_COUNTS,
    answers: OverviewDto,
  })
  async overview(@Query() query: OverviewQueryDto): Promise<OverviewDto> {
    const question = await this.question(query);
    const figures = await this.analytics.overview(question, query.compare === 'previous');
    return { ...toPeriod(question), ...figures };
  }

  @Get('daily')
  @Operation({
    ...READ,
    id: 'getAnalyticsDaily',
    summary: 'Show every day of a period',
    description: `Days of \`time_zone\`; those on which nothing happened are there too. ${WHAT_COUNTS}`,
    answers: DailyDto,
  })
  async daily(@Query() query: PeriodQueryDto): Promise<DailyDto> {
    const question = await this.question(query);
    return { ...toPeriod(question), days: await this.analytics.daily(question) };
  }

  @Get('campaigns')
  @Operation({
    ...PAGED,
    id: 'listAnalyticsCampaigns',
    summary: 'Compare campaigns by what they sent in a period',
    answers: CampaignReportDto,
  })
  async campaigns(@Query() query: ReportQueryDto): Promise<CampaignReportDto> {
    const question = await this.question(query);
    const { rows, nextCursor } = await this.analytics.campaigns(question, query);
    return { ...toPeriod(question), campaigns: rows, next_cursor: nextCursor };
  }

  @Get('templates')
  @Operation({
    ...PAGED,
    id: 'listAnalyticsTemplates',
    summary: 'Compare templates, sent by campaigns or one by one',
    answers: TemplateReportDto,
  })
  async templates(@Query() query: ReportQueryDto): Promise<TemplateReportDto> {
    const question = await this.question(query);
    const { rows, nextCursor } = await this.analytics.templates(question, query);
    return { ...toPeriod(question), templates: rows, next_cursor: nextCursor };
  }

  @Get('agents')
  @Operation({
    ...PAGED,
    id: 'listAnalyticsAgents',
    summary: 'Compare agents: what they sent, how long customers waited, what they resolved',
    answers: AgentReportDto,
  })
  async agents(@Query() query: ReportQueryDto): Promise<AgentReportDto> {
    const question = await this.question(query);
    const { rows, nextCursor } = await this.analytics.agents(question, query);
    return { ...toPeriod(question), agents: rows, next_cursor: nextCursor };
  }

  @Get('labels')
  @Operation({
    ...PAGED,
    id: 'listAnalyticsLabels',
    summary: 'Compare labels of conversations',
    answers: LabelReportDto,
  })
  async labels(@Query() query: ReportQueryDto): Promise<LabelReportDto> {
    const question = await this.question(query);
    const { rows, nextCursor } = await this.analytics.labels(question, query);
    return { ...toPeriod(question), labels: rows, next_cursor: nextCursor };
  }

  @Get('costs')
  @Operation({
    ...PAGED,
    id: 'listAnalyticsCosts',
    summary: 'Show what Meta charges: by category, kind of price and country',
    description:
      "Each message that Meta delivered counts once, by the `pricing` of its status, at the rate table's price of that moment.",
    answers: CostReportDto,
  })
  async costs(@Query() query: ReportQueryDto): Promise<CostReportDto> {
    const question = await this.question(query);
    const { rows, totals, nextCursor } = await this.analytics.costs(question, query);
    return { ...toPeriod(question), totals, costs: rows, next_cursor: nextCursor };
  }

  @Get(':report/export')
  @Operation({
    ...READ,
    id: 'exportAnalytics',
    summary: 'Download a report as a CSV file',
    description:
      'The same rows as the report, all of them; what is nested has its path as its column (`outbound.sent`). A cell that ' +
      "a spreadsheet would take for a formula has one `'` before it.",
    status: 200,
  })
  @ApiOkResponse({
    description: 'A CSV file.',
    content: {
      'text/csv': { schema: { type: 'string' }, example: 'date,sent,delivered,read\r\n2026-11-21,120,118,93\r\n' },
    },
  })
  async export(@Param() { report }: ReportParam, @Query() query: PeriodQueryDto): Promise<StreamableFile> {
    const csv = await this.files.csv(report, await this.question(query));
    return new StreamableFile(Buffer.from(csv), {
      type: 'text/csv; charset=utf-8',
      disposition: `attachment; filename="analytics_${report}.csv"`,
    });
  }

  private async question(query: PeriodQueryDto): Promise<Question> {
    return this.analytics.question(await this.accounts.current(), this.accounts.principal, query);
  }
}

function toPeriod({ from, to, timeZone, accountIds }: Question): {
  from: string;
  to: string;
  time_zone: string;
  account_ids: number[];
} {
  return { from: from.toISOString(), to: to.toISOString(), time_zone: timeZone, account_ids: accountIds };
}
