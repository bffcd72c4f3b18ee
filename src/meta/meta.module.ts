import { Global, Module } from '@nestjs/common';
import { BlockingApi } from './api/blocking.js';
import { CatalogApi } from './api/catalog.js';
import { FlowEncryptionApi } from './api/flow-encryption.js';
import { FlowsApi } from './api/flows.js';
import { MediaApi } from './api/media.js';
import { MessagesApi } from './api/messages.js';
import { PhoneNumbersApi } from './api/phone-numbers.js';
import { SignupsApi } from './api/signups.js';
import { SubscribedAppsApi } from './api/subscribed-apps.js';
import { TemplatesApi } from './api/templates.js';
import { UploadsApi } from './api/uploads.js';
import { GraphClient } from './graph-client.js';

const APIS = [
  BlockingApi,
  CatalogApi,
  FlowEncryptionApi,
  FlowsApi,
  MediaApi,
  MessagesApi,
  PhoneNumbersApi,
  SignupsApi,
  SubscribedAppsApi,
  TemplatesApi,
  UploadsApi,
];

/** All that knows Graph. */
@Global()
@Module({ providers: [GraphClient, ...APIS], exports: APIS })
export class MetaModule {}
