import { Module } from '@nestjs/common';
import { CampaignsModule } from '../campaigns/campaigns.module.js';
import { InboxModule } from '../inbox/inbox.module.js';
import { AnalyticsController } from './analytics.controller.js';
import { AnalyticsService } from './analytics.service.js';
import { DashboardController } from './dashboard.controller.js';
import { DashboardRepository } from './dashboard.repository.js';
import { DashboardService } from './dashboard.service.js';
import { FiguresRepository } from './figures.repository.js';
import { Recount } from './recount.js';
import { ReportExport } from './report-export.js';

/** Read models: figures of a period and the dashboard. Who owns a fact keeps its statistics; here they are only read. */
@Module({
  imports: [CampaignsModule, InboxModule],
  controllers: [AnalyticsController, DashboardController],
  providers: [AnalyticsService, DashboardRepository, DashboardService, FiguresRepository, Recount, ReportExport],
  exports: [Recount],
})
export class AnalyticsModule {}
