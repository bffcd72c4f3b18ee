import { Controller, Get, Query } from '@nestjs/common';
import { AccountResolver } from '../accounts/account-resolver.js';
import { Operation } from '../http/operation.js';
import { DashboardDto, DashboardQueryDto } from './dashboard.dto.js';
import { DashboardService } from './dashboard.service.js';

@Controller('dashboard')
export class DashboardController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly dashboard: DashboardService,
  ) {}

  @Get()
  @Operation({
    tag: 'Analytics',
    scope: 'analytics:read',
    id: 'getDashboard',
    summary: 'Get the summary tiles, the latest conversations and the newest campaigns',
    answers: DashboardDto,
  })
  async get(@Query() query: DashboardQueryDto): Promise<DashboardDto> {
    return this.dashboard.get(await this.accounts.current(), this.accounts.principal, query.time_zone);
  }
}
