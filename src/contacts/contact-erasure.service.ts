import { Injectable } from '@nestjs/common';
import { AuditTrail } from '../audit/audit-trail.js';
import { AppError } from '../common/app-error.js';
import { withoutPlus } from '../common/phone-number.js';
import { Database } from '../database/database.js';
import { isForeignKeyViolation } from '../database/pg-error.js';
import { IdempotentAnswers } from '../http/idempotent-answers.js';
import { ContactErasureRepository } from './contact-erasure.repository.js';
import { ContactsService, type Viewer } from './contacts.service.js';
import { ImportsRepository } from './import/imports.repository.js';
import { PeoplePorts } from './people-ports.js';
import { PeopleRepository } from './people.repository.js';

/** Forgets people: privacy laws give them that right. */
@Injectable()
export class ContactErasureService {
  constructor(
    private readonly database: Database,
    private readonly repository: ContactErasureRepository,
    private readonly contacts: ContactsService,
    private readonly ports: PeoplePorts,
    private readonly identities: PeopleRepository,
    private readonly imports: ImportsRepository,
    private readonly answers: IdempotentAnswers,
    private readonly audit: AuditTrail,
  ) {}

  /**
   * Erases everything that names the person, in every module that registered with {@link PeoplePorts}, in one transaction:
   * the person is whole or gone. What stays of somebody who opted out is a hash of each identity, so that they are opted out
   * should they come back.
   * @throws `not_found`; `contact_in_use` when the key is tied to accounts and the person is one of another account's people
   */
  async erase(viewer: Viewer, id: number): Promise<void> {
    try {
      await this.database.transaction(async (tx) => {
        await this.contacts.requireOwn(tx, viewer, id);
        const subject = await this.repository.read(tx, id);
        const { phones, user_ids: userIds, email } = subject;
        const names = [...phones.map(withoutPlus), ...userIds, ...(email === '' ? [] : [email])];
        await this.ports.erase(tx, { contactId: id, phones, userIds });
        await this.imports.erase(tx, phones, userIds, names);
        await this.repository.eraseEvents(tx, id, names);
        await this.answers.erase(tx, subject.created_at, names);
        if (subject.opted_out) {
          await this.repository.keepOptOut(tx, id);
        }
        await this.identities.remove(tx, [id]);
        await this.audit.append(tx, [
          { action: 'contact.erased', objectType: 'contact', objectId: id, accountId: viewer.account.id },
        ]);
      });
    } catch (error) {
      if (isForeignKeyViolation(error)) {
        throw new AppError('contact_in_use', 'Something came in for this contact meanwhile. Try again.');
      }
      throw error;
    }
  }
}
