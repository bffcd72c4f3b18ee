import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotencyRepository } from '../http/idempotency.repository.js';
import { IdempotentAnswers } from '../http/idempotent-answers.js';
import { ConsentRepository } from './consent.repository.js';
import { ConsentService } from './consent.service.js';
import { ContactAudience } from './contact-audience.js';
import { ContactIdentity } from './contact-identity.entity.js';
import { Contact } from './contact.entity.js';
import { ContactErasureRepository } from './contact-erasure.repository.js';
import { ContactErasureService } from './contact-erasure.service.js';
import { ContactsController } from './contacts.controller.js';
import { ContactsRepository } from './contacts.repository.js';
import { ContactsService } from './contacts.service.js';
import { ContactsWebhook } from './contacts.webhook.js';
import { ContactImportsController } from './import/contact-imports.controller.js';
import { ContactImportsService } from './import/contact-imports.service.js';
import { ImportRunner } from './import/import-runner.js';
import { ImportedPeopleRepository } from './import/imported-people.repository.js';
import { ImportsRepository } from './import/imports.repository.js';
import { Label } from './label.entity.js';
import { LabelsController } from './labels.controller.js';
import { LabelsRepository } from './labels.repository.js';
import { LabelsService } from './labels.service.js';
import { PeopleChanges } from './people-changes.js';
import { PeopleMergeRepository } from './people-merge.repository.js';
import { PeopleMerger } from './people-merger.js';
import { PeoplePorts } from './people-ports.js';
import { PeopleSettler } from './people-settler.js';
import { PeopleRepository } from './people.repository.js';
import { PeopleService } from './people.service.js';
import { SubscriptionsRepository } from './subscriptions.repository.js';
import { SubscriptionsService } from './subscriptions.service.js';

/** People: their identities, their labels, and whose people they are. */
@Module({
  imports: [TypeOrmModule.forFeature([Contact, ContactIdentity, Label])],
  controllers: [ContactImportsController, ContactsController, LabelsController],
  providers: [
    ConsentRepository,
    ConsentService,
    ContactAudience,
    ContactErasureRepository,
    ContactErasureService,
    ContactsRepository,
    ContactsService,
    ContactsWebhook,
    ContactImportsService,
    IdempotencyRepository,
    IdempotentAnswers,
    ImportRunner,
    ImportedPeopleRepository,
    ImportsRepository,
    LabelsRepository,
    LabelsService,
    PeopleChanges,
    PeopleMergeRepository,
    PeopleMerger,
    PeoplePorts,
    PeopleRepository,
    PeopleSettler,
    PeopleService,
    SubscriptionsRepository,
    SubscriptionsService,
  ],
  exports: [
    ConsentService,
    ContactAudience,
    ContactsService,
    ContactsWebhook,
    ImportRunner,
    LabelsService,
    PeoplePorts,
    PeopleService,
    SubscriptionsService,
  ],
})
export class ContactsModule {}
