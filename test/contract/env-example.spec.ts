import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Read by docker/compose.yaml for its database, not by the product. */
const OF_COMPOSE = ['POSTGRES_PASSWORD'];

interface Variable {
  name: string;
  comment: string;
  /** Empty when there is none. */
  default: string;
}

/** The class Env as its source says it: names, doc comments, defaults, in order. */
function declared(): { variables: Variable[]; required: string[] } {
  const tree = ts.createSourceFile('env.ts', read('src/config/env.ts'), ts.ScriptTarget.Latest, true);
  const env = tree.statements.find((node) => ts.isClassDeclaration(node) && node.name?.text === 'Env');
  const properties = env && ts.isClassDeclaration(env) ? env.members.filter(ts.isPropertyDeclaration) : [];
  const variables = properties.map((property) => ({
    name: property.name.getText(tree),
    comment: squeeze(ts.getJSDocCommentsAndTags(property).map((doc) => ts.getTextOfJSDocComment(doc.comment) ?? '')),
    default: defaultOf(property.initializer),
  }));
  const required = properties.filter(({ initializer, questionToken }) => !initializer && !questionToken);
  return { variables, required: required.map((property) => property.name.getText(tree)) };
}

function defaultOf(initializer: ts.Expression | undefined): string {
  return !initializer ? '' : ts.isStringLiteralLike(initializer) ? initializer.text : initializer.getText();
}

/**
 * The file as people read it: a paragraph ends with `#NAME=default`; the lines above are its comment. Every variable is
 * commented out, so that a copy of the file changes nothing until someone sets something.
 */
function listed(): { heading: string; variables: Variable[]; strange: string[] } {
  const [heading = '', ...paragraphs] = read('.env.example').trimEnd().split(/\n\n+/);
  const strange: string[] = [];
  const variables = paragraphs.map((paragraph) => {
    const lines = paragraph.split('\n');
    const [, name = '', value = ''] = /^#([A-Z][A-Z0-9_]*)=(.*)$/.exec(lines.pop() ?? '') ?? [];
    strange.push(...(name && lines.every((line) => line.startsWith('# ')) ? [] : [paragraph]));
    return { name, comment: squeeze(lines.map((line) => line.replace(/^# /, ''))), default: value };
  });
  return { heading, variables, strange };
}

function squeeze(lines: string[]): string {
  return lines.join(' ').replace(/\s+/g, ' ').trim();
}

describe('.env.example', () => {
  const { variables, required } = declared();
  const example = listed();

  it('has only paragraphs of a comment and one variable', () => {
    expect(example.strange).toEqual([]);
  });

  it('lists the variables of src/config/env.ts: names, order, comments and defaults', () => {
    expect(variables.length).toBeGreaterThan(30);
    expect(example.variables.filter(({ name }) => !OF_COMPOSE.includes(name))).toEqual(variables);
  });

  it('has a comment for every variable', () => {
    expect(example.variables.filter(({ comment }) => comment === '')).toEqual([]);
  });

  it('names the required ones at the top', () => {
    expect(example.heading.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/g)).toEqual(required);
  });

  it('ends with what docker/compose.yaml reads for itself', () => {
    const compose = new Set([...read('docker/compose.yaml').matchAll(/(?<!\$)\$\{?(\w+)/g)].map(([, name]) => name));
    expect([...compose].filter((name) => name && !variables.some((variable) => variable.name === name))).toEqual(
      OF_COMPOSE,
    );
    expect(example.variables.slice(variables.length).map(({ name }) => name)).toEqual(OF_COMPOSE);
  });
});
