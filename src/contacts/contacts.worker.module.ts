import { Process, Processor } from '@nestjs/bull';
import { Module } from '@nestjs/common';
import { QUEUES } from '../queues/queues.js';
import { ContactsModule } from './contacts.module.js';
import { ContactImportSweeper } from './import/contact-import-sweeper.js';
import { ImportsRepository } from './import/imports.repository.js';

@Processor('contact-import')
export class ContactImportProcessor {
  constructor(private readonly sweeper: ContactImportSweeper) {}

  /** Only wakes the sweeper and returns: PostgreSQL says what there is to do. */
  @Process({ concurrency: QUEUES['contact-import'].concurrency })
  wake(): void {
    this.sweeper.wake();
  }
}

/** Imports in the background. */
@Module({
  imports: [ContactsModule],
  providers: [ContactImportProcessor, ContactImportSweeper, ImportsRepository],
})
export class ContactsWorkerModule {}
