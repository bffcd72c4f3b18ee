import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes openapi.json the document that later ones are compared with. Nobody is surprised by it: the changelog must have an
 * entry of its version first.
 */
const root = join(import.meta.dirname, '..');
const released = join(root, 'openapi', 'released.json');
const document = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8'));
const changelog = readFileSync(join(root, 'docs', 'api-changelog.md'), 'utf8');
const { version } = document.info;

if (!changelog.split('\n').includes(`## ${version}`)) {
  console.error(`docs/api-changelog.md has no entry "## ${version}". Say what changed, then release.`);
  process.exit(1);
}
const text = `${JSON.stringify(withoutWords(document))}\n`;
if (existsSync(released) && readFileSync(released, 'utf8') === text) {
  console.log(`openapi/released.json is this document already (${version}).`);
} else {
  mkdirSync(join(root, 'openapi'), { recursive: true });
  writeFileSync(released, text);
  console.log(`openapi/released.json is ${version} now.`);
}

/** Words and examples may change as they like: nothing is compared with them. */
function withoutWords(node, isNameOfProperty = false) {
  if (Array.isArray(node)) {
    return node.map((item) => withoutWords(item));
  }
  if (node === null || typeof node !== 'object') {
    return node;
  }
  const words = ['description', 'summary', 'example', 'examples', 'externalDocs', 'tags', 'title'];
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => isNameOfProperty || !words.includes(key))
      .map(([key, value]) => [key, withoutWords(value, !isNameOfProperty && key === 'properties')]),
  );
}
