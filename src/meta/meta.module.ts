import { Global, Module } from '@nestjs/common';
import { MediaApi } from './api/media.js';
import { MessagesApi } from './api/messages.js';
import { PhoneNumbersApi } from './api/phone-numbers.js';
import { TemplatesApi } from './api/templates.js';
import { UploadsApi } from './api/uploads.js';
import { GraphClient } from './graph-client.js';

const APIS = [MediaApi, MessagesApi, PhoneNumbersApi, TemplatesApi, UploadsApi];

/** All that knows Graph. */
@Global()
@Module({ providers: [GraphClient, ...APIS], exports: APIS })
export class MetaModule {}
