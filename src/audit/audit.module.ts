import { Global, Module } from '@nestjs/common';
import { AuditTrail } from './audit-trail.js';

/** Who did what: appended to by any module, in its own transaction. */
@Global()
@Module({ providers: [AuditTrail], exports: [AuditTrail] })
export class AuditModule {}
