import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ContactAudience } from './contact-audience.js';
import { ContactIdentity } from './contact-identity.entity.js';
import { Contact } from './contact.entity.js';
import { ContactsController } from './contacts.controller.js';
import { ContactsRepository } from './contacts.repository.js';
import { ContactsService } from './contacts.service.js';
import { Label } from './label.entity.js';
import { LabelsRepository } from './labels.repository.js';
import { LabelsService } from './labels.service.js';
import { PeoplePorts } from './people-ports.js';
import { PeopleRepository } from './people.repository.js';
import { PeopleService } from './people.service.js';

/** People: their identities, their labels, and whose people they are. */
@Module({
  imports: [TypeOrmModule.forFeature([Contact, ContactIdentity, Label])],
  controllers: [ContactsController],
  providers: [
    ContactAudience,
    ContactsRepository,
    ContactsService,
    LabelsRepository,
    LabelsService,
    PeoplePorts,
    PeopleRepository,
    PeopleService,
  ],
  exports: [ContactAudience, ContactsService, LabelsService, PeoplePorts, PeopleService],
})
export class ContactsModule {}
