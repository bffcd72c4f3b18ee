import { Module } from '@nestjs/common';
import { AccountVault } from '../accounts/account-vault.js';
import { Config } from '../config/config.js';
import { ContactsModule } from '../contacts/contacts.module.js';
import { MessageChangesRepository } from '../inbox/message-changes.repository.js';
import { DirectoryStorage } from '../media/storage/directory-storage.js';
import { InboxModule } from '../inbox/inbox.module.js';
import { MediaStorage } from '../media/storage/media-storage.js';
import { S3Storage } from '../media/storage/s3-storage.js';
import { CampaignTemplatesRepository } from './campaign-templates.repository.js';
import { DjangoAccountsRepository } from './django-accounts.repository.js';
import { DjangoImport } from './django-import.service.js';
import { DjangoKeysRepository } from './django-keys.repository.js';
import { ImportKinds, KIND_CLASSES } from './import-kinds.js';
import { ImportLock } from './import-lock.js';
import { ImportPeople } from './import-people.js';
import { ImportWork } from './import-work.js';
import { ImportedBlocksRepository } from './imported-blocks.repository.js';
import { ImportedContactsRepository } from './imported-contacts.repository.js';
import { ImportedMediaRepository } from './imported-media.repository.js';
import { ImportedRecipientsRepository } from './imported-recipients.repository.js';
import { ImportedRowsRepository } from './imported-rows.repository.js';
import { MediaFiles } from './media-files.js';
import { RowWriter } from './row-writer.js';
import { ThreadsRepository } from './threads.repository.js';

/**
 * Bringing in a database of the Django package. It writes tables of other modules by statements of its own: their services tell
 * the world what they do, ask Meta, or take one row at a time, and an import does none of that.
 */
@Module({
  imports: [ContactsModule, InboxModule],
  providers: [
    ...KIND_CLASSES,
    AccountVault,
    CampaignTemplatesRepository,
    DjangoAccountsRepository,
    DjangoImport,
    DjangoKeysRepository,
    ImportedBlocksRepository,
    ImportedContactsRepository,
    ImportedMediaRepository,
    ImportedRecipientsRepository,
    ImportedRowsRepository,
    ImportKinds,
    ImportLock,
    ImportPeople,
    ImportWork,
    MediaFiles,
    MessageChangesRepository,
    RowWriter,
    ThreadsRepository,
    {
      provide: MediaStorage,
      inject: [Config],
      useFactory: ({ media }: Config): MediaStorage =>
        media.s3 ? new S3Storage(media.s3) : new DirectoryStorage(media.dir),
    },
  ],
  exports: [DjangoImport],
})
export class DjangoModule {}
