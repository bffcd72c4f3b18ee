import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@hey-api/openapi-ts';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { generateApi } from 'swagger-typescript-api';
import ts from 'typescript';

/**
 * Writes a client of the document into a folder, with one generator: `node generators.mjs GENERATOR DOCUMENT FOLDER`. What
 * stands here is all that a user of the generator would put into its settings.
 */
const GENERATORS = {
  'openapi-fetch': async (document, folder) => {
    // From its documentation: by itself it takes files for text.
    const file = ts.factory.createTypeReferenceNode('Blob');
    const tree = await openapiTypescript(JSON.parse(readFileSync(document, 'utf8')), {
      defaultNonNullable: false,
      transform: ({ format }) => (format === 'binary' ? file : undefined),
    });
    writeFileSync(join(folder, 'schema.ts'), astToString(tree));
  },
  'hey-api': (document, folder) =>
    createClient({
      input: document,
      output: { path: folder, importFileExtension: '.js' },
      plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
      logs: { level: 'silent' },
    }),
  'swagger-typescript-api': (document, folder) =>
    generateApi({ input: document, output: folder, fileName: 'api.ts', silent: true }),
};

const [name, document, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
await GENERATORS[name](document, folder);
