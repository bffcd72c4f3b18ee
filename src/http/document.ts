import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

import { ProblemDto } from './common.dto.js';

type OperationObject = NonNullable<OpenAPIObject['paths'][string]['post']>;
type RequestBodyObject = { content: Record<string, unknown> };

/**
 * The OpenAPI 3.1 document of the whole API. Schema names drop the Dto suffix: client authors meet `Campaign`, not
 * `CampaignDto`.
 */
export function createDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Parley')
    .setVersion('0.1.0')
    .setDescription(
      'Self-hosted WhatsApp Business backend: many accounts, one shared inbox, templates, bulk campaigns.\n\n' +
        'Send the key as `X-API-Key`. Every error is `application/problem+json` with a stable `code`.',
    )
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addServer('/', 'This server')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key' }, 'api_key')
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

function tidy(document: OpenAPIObject): OpenAPIObject {
  const text = JSON.stringify(document).replace(/#\/components\/schemas\/(\w+?)Dto"/g, '#/components/schemas/$1"');
  const tidied = JSON.parse(text) as OpenAPIObject;
  const schemas = tidied.components?.schemas ?? {};
  tidied.components = {
    ...tidied.components,
    schemas: Object.fromEntries(
      Object.entries(schemas)
        .map(([name, schema]) => [name.replace(/Dto$/, ''), schema] as const)
        .sort(([a], [b]) => a.localeCompare(b)),
    ),
  };
  for (const path of Object.values(tidied.paths)) {
    documentIdempotency(path.post);
  }
  return convertNullable(tidied) as OpenAPIObject;
}

/** Every POST that asks for a key takes the header; only those that are nothing but uploads do not. */
function documentIdempotency(operation: OperationObject | undefined): void {
  const content = Object.keys((operation?.requestBody as RequestBodyObject | undefined)?.content ?? {});
  const isUpload = content.length === 1 && content[0] === 'multipart/form-data';
  if (!operation?.security || isUpload) {
    return;
  }
  const others = (operation.parameters ?? []).filter(
    (parameter) => !('name' in parameter) || parameter.name.toLowerCase() !== 'idempotency-key',
  );
  operation.parameters = [
    ...others,
    {
      name: 'Idempotency-Key',
      in: 'header',
      required: false,
      description:
        'The same key and body again answer what the first request answered, with `Idempotency-Replayed: true`. Kept 7 days.',
      schema: { type: 'string', minLength: 1, maxLength: 255 },
    },
  ];
}

/** `{type: 'string', nullable: true}` of 3.0 is `{type: ['string', 'null']}` in 3.1. */
function convertNullable(node: unknown): unknown {
  if (Array.isArray(node)) {
    return node.map(convertNullable);
  }
  if (node === null || typeof node !== 'object') {
    return node;
  }
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(node as Record<string, unknown>).map(([key, value]) => [
      key,
      key === 'example' || key === 'default' ? value : convertNullable(value),
    ]),
  );
  if (nullable !== true) {
    return nullable === undefined || nullable === false ? rest : { ...rest, nullable };
  }
  if (typeof rest.type === 'string') {
    return { ...rest, type: [rest.type, 'null'] };
  }
  if (rest.$ref !== undefined || rest.allOf !== undefined) {
    return { anyOf: [rest, { type: 'null' }] };
  }
  return rest;
}
