import { Module } from '@nestjs/common';
import { AuditLogController } from './audit-log.controller.js';
import { AuditLogRepository } from './audit-log.repository.js';
import { AuditLogService } from './audit-log.service.js';

/** Reading what was done; writing it down is `AuditModule`'s, which every process has. */
@Module({ controllers: [AuditLogController], providers: [AuditLogRepository, AuditLogService] })
export class AuditLogModule {}
