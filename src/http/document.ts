import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

import { ProblemDto } from './common.dto.js';
import { describeBodies } from './document-bodies.js';
import { convertNullable, describeParameters, sharedSchemas, type Operation } from './document-parts.js';
import { describeErrors, describeHeaders, errorExamples, SHARED_HEADERS } from './document-answers.js';

const VERSION = '0.1.0';

const DESCRIPTION = `Self-hosted WhatsApp Business backend: many accounts, one shared inbox, templates, bulk campaigns.

**Key.** Send it as \`X-API-Key\`. It has scopes; each operation says which one it asks for.

**Account.** \`X-Account-Id\`, else \`account_id\`, else the default account of the key. What belongs to another account is 404,
exactly as if it were not there.

**Errors** are \`application/problem+json\` (RFC 9457) with a stable \`code\`. Codes are added, never renamed.

**Lists** answer \`next_cursor\`: give it back as \`cursor\` until it is null.

**Once.** A POST with an \`Idempotency-Key\` happens once: the same request again gets the same answer.

**Times** are ISO-8601 in UTC with milliseconds, ids are integers, phone numbers are E.164 in answers and may be written in any
way in requests.`;

/** What each group of operations is about. A tag that is not here is no tag. */
const TAGS: Record<string, string> = {
  Accounts: 'WhatsApp numbers that messages go out from, and their credentials.',
  Analytics: 'What was sent, read and answered, by day, campaign, template and agent.',
  'API keys': 'Who may call, what, and for which accounts.',
  'Audit log': 'Who changed what.',
  Blocking: 'Whom a number has blocked.',
  Campaigns: 'One template to many people: audience, pre-flight, start, progress and outcome.',
  Catalog: 'Products as Meta has them.',
  Contacts: 'People: how they are reached, what they agreed to, import and export.',
  Errors: 'Every error there is, ours and Meta’s: what it means and what to do.',
  Events: 'What happens, live or pulled.',
  Flows: 'Forms inside WhatsApp, and the answers to them.',
  Health: 'For orchestrators.',
  Inbox: 'Conversations and their messages.',
  Labels: 'Names and colours by which conversations and contacts are sorted.',
  Media: 'Files, uploaded once and sent often.',
  Orders: 'What customers ordered from the catalog.',
  Sending: 'One message to one person, now or later.',
  Signups: 'Links by which people subscribe, and who did.',
  Templates: 'Message templates, here and at Meta.',
  Webhook: 'Meta’s door. Not for clients.',
  'Webhook endpoints': 'Our events, posted to servers of yours.',
  'Webhook log': 'What Meta posted and what became of it.',
};

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/**
 * The OpenAPI 3.1 document of the whole API. Schema names drop the Dto suffix: client authors meet `Campaign`, not
 * `CampaignDto`.
 */
export function createDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Parley')
    .setVersion(VERSION)
    .setDescription(DESCRIPTION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This server')
    .addApiKey(
      { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'Made by `POST /api-keys` or the command line.' },
      'api_key',
    )
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    extraModels: [ProblemDto],
    operationIdFactory: (_controller, method) => method,
    autoTagControllers: false,
  });
  return tidy(document);
}

/** Swagger UI at /docs and the document at /openapi.json. */
export function serveDocument(app: INestApplication, document: OpenAPIObject): void {
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: '/openapi.json',
    yamlDocumentUrl: '/openapi.yaml',
    swaggerOptions: { persistAuthorization: true, tryItOutEnabled: true, displayRequestDuration: true },
    customSiteTitle: 'Parley API',
  });
}

/** What the decorators cannot know: names without Dto, nulls of 3.1, and what is said of every operation of a kind. */
function tidy(document: OpenAPIObject): OpenAPIObject {
  const text = JSON.stringify(document).replace(/#\/components\/schemas\/(\w+?)Dto"/g, '#/components/schemas/$1"');
  const tidied = convertNullable(JSON.parse(text)) as OpenAPIObject;
  const schemas = sharedSchemas(tidied);
  const examples: Record<string, unknown> = errorExamples();
  const tags = new Set<string>();
  for (const item of Object.values(tidied.paths)) {
    for (const method of METHODS) {
      const operation = item[method] as Operation | undefined;
      if (!operation) {
        continue;
      }
      operation.tags?.forEach((tag) => tags.add(tag));
      operation.security ??= [];
      describeParameters(operation, method);
      describeErrors(operation, method, schemas);
      describeBodies(operation, schemas, examples);
      describeHeaders(operation, method);
    }
  }
  return {
    ...tidied,
    info: { ...tidied.info, contact: { name: 'Whoever runs this server' } },
    tags: [...tags].sort().map((name) => ({ name, ...(TAGS[name] ? { description: TAGS[name] } : {}) })),
    components: {
      ...tidied.components,
      schemas: schemas as NonNullable<OpenAPIObject['components']>['schemas'],
      headers: SHARED_HEADERS as never,
      examples: usedOf(examples, tidied.paths) as never,
    },
  };
}

/** Some codes are met before any operation is found: nobody refers to them. */
function usedOf(examples: Record<string, unknown>, paths: unknown): Record<string, unknown> {
  const text = JSON.stringify(paths);
  return Object.fromEntries(
    Object.entries(examples)
      .filter(([name]) => text.includes(`"#/components/examples/${name}"`))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
