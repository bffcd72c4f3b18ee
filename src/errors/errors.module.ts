import { Module } from '@nestjs/common';
import { ErrorsController } from './errors.controller.js';
import { ErrorsService } from './errors.service.js';

/** What can go wrong, and what to do about it. */
@Module({ controllers: [ErrorsController], providers: [ErrorsService] })
export class ErrorsModule {}
