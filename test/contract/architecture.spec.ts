import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Who may know whom: an import points to a lower row, or stays in its own module. A row does not know itself. */
const ROWS: Record<number, readonly string[]> = {
  11: ['main', 'worker', 'cli', 'openapi', 'app.module', 'worker.module'],
  10: ['webhook', 'analytics', 'django'],
  9: ['campaigns', 'flows'],
  8: ['inbox'],
  7: ['templates', 'catalog', 'blocking', 'signups'],
  6: ['contacts', 'events', 'media'],
  5: ['accounts', 'api-keys', 'errors'],
  4: ['audit'],
  3: ['meta', 'http', 'outbox'],
  2: ['database', 'queues'],
  1: ['config'],
  0: ['common'],
};

/** The entry points and what composes them: the only modules that may know others of their row. */
const TOP_ROW = 11;

/** They know only `common`, and nobody knows them: the simulator must be able to contradict us. */
const APART = ['simulator', 'embedded'];

/** Row of each module. */
const ROW_OF = new Map(Object.entries(ROWS).flatMap(([row, names]) => names.map((name) => [name, Number(row)])));

interface Import {
  line: number;
  /** As written. */
  specifier: string;
  /** Path below the project's folder, ending in .ts; null for packages. */
  target: string | null;
  /** Names as exported, of an import declaration with braces. */
  names: string[];
  /** Gone once compiled. */
  isTypeOnly: boolean;
}

interface Source {
  path: string;
  /** `inbox`, `common`; for a file directly in src its name without .ts. */
  module: string;
  imports: Import[];
  /** Violations that one file shows by itself. */
  findings: string[];
  decorators: Set<string>;
}

type Files = ReadonlyMap<string, string>;

/** Every violation of the architecture, as lines a person can act on; empty when there is none. */
function violations(files: Files): string[] {
  const sources = [...files].map(([path, text]) => readSource(path, text));
  return [
    ...sources.flatMap((source) => [
      ...source.findings,
      ...placement(source),
      ...source.imports.flatMap(arrow(source)),
    ]),
    ...sources.flatMap(kindRules),
    ...workerReach(sources),
    ...cycles(sources),
  ];
}

function readSource(path: string, text: string): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const source: Source = { path, module: moduleOf(path), imports: [], findings: [], decorators: new Set() };
  const lineOf = (node: ts.Node): number => tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
  const find = (node: ts.Node, what: string): void => void source.findings.push(`${path}:${lineOf(node)} ${what}`);
  const addImport = (
    node: ts.Node,
    specifier: ts.Node | undefined,
    isTypeOnly: boolean,
    names: string[] = [],
  ): void => {
    if (specifier && ts.isStringLiteralLike(specifier)) {
      const target = targetOf(path, specifier.text);
      source.imports.push({ line: lineOf(node), specifier: specifier.text, target, names, isTypeOnly });
    }
  };

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const { importClause: clause } = node;
      const named =
        clause?.namedBindings && ts.isNamedImports(clause.namedBindings) ? clause.namedBindings.elements : [];
      const onlyTypes = named.length > 0 && !clause?.name && named.every((element) => element.isTypeOnly);
      const names = named.map((element) => (element.propertyName ?? element.name).text);
      addImport(node, node.moduleSpecifier, clause?.phaseModifier === ts.SyntaxKind.TypeKeyword || onlyTypes, names);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      addImport(node, node.moduleSpecifier, node.isTypeOnly);
      if (!node.exportClause || posix.basename(path) === 'index.ts') {
        find(node, 'is a barrel: import from the file that has it');
      }
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      addImport(node, node.argument.literal, true);
    } else if (ts.isCallExpression(node) && isLoading(node.expression)) {
      addImport(node, node.arguments[0], false);
    } else if (ts.isIdentifier(node) && node.text === 'forwardRef') {
      find(
        node,
        'uses forwardRef: turn the dependency round (an event, or a port that the higher module registers with)',
      );
    } else if (ts.isDecorator(node)) {
      const name = ts.isCallExpression(node.expression) ? node.expression.expression : node.expression;
      source.decorators.add(name.getText(tree));
    } else if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) {
      if (path.endsWith('.service.ts') && SQL.test(node.text)) {
        find(node, 'holds SQL: that belongs into a repository');
      }
    } else if (
      ts.isPropertyAssignment(node) &&
      path.endsWith('.worker.module.ts') &&
      node.name.getText(tree) === 'controllers'
    ) {
      find(node, 'has controllers: those belong into the module that the API imports');
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return source;
}

const SQL = /^\s*(select\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s)/i;

/** `import(…)` and `require(…)`. */
function isLoading(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require');
}

function targetOf(path: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts') : null;
}

function moduleOf(path: string): string {
  const [top = '', second] = path.replace(/^src\//, '').split('/');
  return second === undefined ? top.replace(/\.ts$/, '') : top;
}

/** A file stands in a module that the table knows. */
function placement({ path, module }: Source): string[] {
  if (path.startsWith('migrations/') || ROW_OF.has(module) || APART.includes(module)) {
    return [];
  }
  return [`${path} stands in no row: "${module}" is not in the table of the architecture`];
}

/** An import points down. */
function arrow({ path, module }: Source): (to: Import) => string[] {
  return ({ line, target, specifier }) => {
    if (target === null) {
      return [];
    }
    const at = `${path}:${line}`;
    if (!target.startsWith('src/') || path.startsWith('migrations/')) {
      // Migrations are frozen: they import no code that may change later.
      return module === 'database' && target.startsWith('migrations/') ? [] : [`${at} must not import ${specifier}`];
    }
    const targetModule = moduleOf(target);
    if (targetModule === module) {
      return [];
    }
    const [from, to] = [ROW_OF.get(module), ROW_OF.get(targetModule)];
    if (APART.includes(module)) {
      return targetModule === 'common'
        ? []
        : [`${at} ${module} stands apart and may import only common, not ${target}`];
    }
    if (APART.includes(targetModule)) {
      return [`${at} ${targetModule} stands apart: nothing may import it`];
    }
    if (from === undefined || to === undefined || to < from || (from === TOP_ROW && to === TOP_ROW)) {
      return [];
    }
    return [`${at} ${module} (row ${from}) must not know ${targetModule} (row ${to}): imports point down`];
  };
}

/** What a kind of file does not hold. */
function kindRules(source: Source): string[] {
  const { path, module, imports, decorators } = source;
  const forbid = (what: (to: Import) => boolean, rule: string): string[] =>
    imports.filter(what).map(({ line, specifier }) => `${path}:${line} imports ${specifier}: ${rule}`);
  const found: string[] = [];

  found.push(
    ...forbid(
      ({ target }) => target?.endsWith('.entity.ts') === true && moduleOf(target) !== module,
      'modules speak through services and plain values, never through each other’s entities',
    ),
    ...forbid(
      ({ names, isTypeOnly }) =>
        names.includes('AccountResolver') && !isTypeOnly && module !== 'accounts' && !path.endsWith('.controller.ts'),
      'the request-scoped AccountResolver is injected in controllers only',
    ),
    ...forbid(
      ({ names, specifier }) =>
        specifier === '@nestjs/bull' &&
        module !== 'queues' &&
        names.some((name) => ['InjectQueue', 'getQueueToken', 'BullModule'].includes(name)),
      'queues/enqueue.ts is the only caller of queue.add',
    ),
  );
  if (decorators.has('Controller')) {
    found.push(
      ...(path.endsWith('.controller.ts') ? [] : [`${path} has a @Controller: name it x.controller.ts`]),
      ...forbid(
        ({ specifier, target, isTypeOnly }) =>
          ['typeorm', '@nestjs/typeorm', 'pg'].includes(specifier) ||
          (target !== null && moduleOf(target) === 'database' && !isTypeOnly),
        'a controller translates; the database is the business of services and repositories',
      ),
    );
  }
  if (decorators.has('Entity') && !path.endsWith('.entity.ts')) {
    found.push(`${path} has an @Entity: name it x.entity.ts`);
  }
  if (path.endsWith('.service.ts')) {
    found.push(
      ...forbid(
        ({ specifier, names }) =>
          ['fastify', '@nestjs/platform-fastify'].includes(specifier) ||
          (specifier === '@nestjs/common' && names.some((name) => /Exception$|^(HttpStatus|Req|Res)$/.test(name))),
        'a service knows nothing of HTTP (throw an AppError)',
      ),
    );
  }
  if (module === 'common') {
    found.push(
      ...forbid(
        ({ specifier }) => /^(@nestjs\/|typeorm$|pg$|bull$|fastify$)/.test(specifier),
        'common is plain TypeScript',
      ),
    );
  }
  return found;
}

/** `@Processor` starts consuming in every process that imports it, so what the API imports must not lead to one. */
function workerReach(sources: Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const isWorkers = ({ path, decorators }: Source): boolean =>
    path.endsWith('.worker.module.ts') || decorators.has('Processor');
  const found = new Set<string>();
  for (const start of sources.filter(
    ({ path }) => path.endsWith('.module.ts') && !/\bworker\.module\.ts$/.test(path),
  )) {
    const seen = new Set([start]);
    for (const source of seen) {
      if (isWorkers(source)) {
        found.add(`${source.path} is for workers (it starts consuming jobs), but ${start.path} leads to it`);
        continue;
      }
      for (const { target, isTypeOnly } of source.imports) {
        const next = target !== null && !isTypeOnly ? byPath.get(target) : undefined;
        if (next) {
          seen.add(next);
        }
      }
    }
  }
  return [...found];
}

/** One line for each knot of files that import each other; type-only imports count. */
function cycles(sources: Source[]): string[] {
  const known = new Set(sources.map(({ path }) => path));
  const edges = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.flatMap(({ target }) => (target !== null && known.has(target) ? [target] : [])),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  for (const start of [...known].sort()) {
    const cycle = done.has(start) ? null : shortestWay(edges, start, start);
    if (cycle) {
      cycle.forEach((path) => done.add(path));
      found.push(`file cycle: ${[...cycle, start].join(' → ')}`);
    }
  }
  return found;
}

function shortestWay(edges: ReadonlyMap<string, string[]>, start: string, end: string): string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const path of queue) {
    for (const next of edges.get(path) ?? []) {
      if (next === end) {
        const way = [path];
        while (way[0] !== start) {
          way.unshift(cameFrom.get(way[0] ?? '') ?? start);
        }
        return way;
      }
      if (!cameFrom.has(next)) {
        cameFrom.set(next, path);
        queue.push(next);
      }
    }
  }
  return null;
}

function readTree(root: string, folder: string): [string, string][] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => [posix.join(folder, file.replaceAll('\\', '/')), readFileSync(join(root, folder, file), 'utf8')]);
}

describe('the architecture', () => {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  const files = new Map([...readTree(root, 'src'), ...readTree(root, 'migrations')]);

  it('holds in every file of src', () => {
    expect(files.size).toBeGreaterThan(100);
    expect(violations(files)).toEqual([]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'an import that points up',
      { 'src/inbox/a.ts': `import { b } from '../campaigns/b.js';` },
      /a\.ts:1 inbox \(row 8\)/,
    ],
    [
      'an import within a row',
      { 'src/meta/a.ts': `import { b } from '../http/b.js';` },
      /meta \(row 3\).*http \(row 3\)/,
    ],
    ['a type from above', { 'src/meta/a.ts': `import type { B } from '../inbox/b.js';` }, /must not know inbox/],
    ['an import() from above', { 'src/meta/a.ts': `\nvoid import('../inbox/b.js');` }, /a\.ts:2 .*must not know inbox/],
    ['an import() type from above', { 'src/meta/a.ts': `let b: import('../inbox/b.js').B;` }, /must not know inbox/],
    [
      'an entry point known below',
      { 'src/inbox/a.ts': `import { m } from '../app.module.js';` },
      /app\.module \(row 11\)/,
    ],
    ['the simulator knowing Graph', { 'src/simulator/a.ts': `import { b } from '../meta/b.js';` }, /stands apart/],
    ['the product knowing the simulator', { 'src/meta/a.ts': `import '../simulator/b.js';` }, /stands apart/],
    ['a top-level folder of its own', { 'src/helpers/a.ts': '' }, /"helpers" is not in the table/],
    ['a top-level file of its own', { 'src/util.ts': '' }, /"util" is not in the table/],
    ['an import that leaves src', { 'src/inbox/a.ts': `import '../../test/support/app.js';` }, /must not import/],
    ['a migration that imports code', { 'migrations/1-A.ts': `import '../src/common/page.js';` }, /must not import/],
    ['forwardRef', { 'src/inbox/a.ts': `import { forwardRef as f } from '@nestjs/common';` }, /uses forwardRef/],
    ['a barrel', { 'src/inbox/index.ts': `export { a } from './a.js';` }, /is a barrel/],
    ['a barrel by another name', { 'src/inbox/all.ts': `export * from './a.js';` }, /is a barrel/],
    [
      'a cycle, of types too',
      { 'src/inbox/a.ts': `import type { B } from './b.js';`, 'src/inbox/b.ts': `import { a } from './a.js';` },
      /file cycle: src\/inbox\/a\.ts → src\/inbox\/b\.ts → src\/inbox\/a\.ts/,
    ],
    [
      'a processor in the API',
      { 'src/inbox/inbox.module.ts': `import { P } from './p.js';`, 'src/inbox/p.ts': `@Processor('x') class P {}` },
      /p\.ts is for workers .*inbox\.module\.ts leads to it/,
    ],
    [
      'a worker module in the API',
      { 'src/app.module.ts': `import { W } from './inbox/w.worker.module.js';`, 'src/inbox/w.worker.module.ts': '' },
      /w\.worker\.module\.ts is for workers/,
    ],
    [
      'a controller in a worker module',
      { 'src/inbox/w.worker.module.ts': `@Module({ controllers: [] }) class W {}` },
      /has controllers/,
    ],
    ['a controller elsewhere', { 'src/inbox/a.ts': `@Controller() class A {}` }, /name it x\.controller\.ts/],
    [
      'a controller with a database',
      { 'src/inbox/a.controller.ts': `import { Database } from '../database/database.js'; @Controller() class A {}` },
      /a controller translates/,
    ],
    [
      'a controller with TypeORM',
      { 'src/inbox/a.controller.ts': `import { DataSource } from 'typeorm'; @Controller() class A {}` },
      /a controller translates/,
    ],
    ['an entity elsewhere', { 'src/inbox/a.ts': `@Entity('a') class A {}` }, /name it x\.entity\.ts/],
    [
      'an entity of another module',
      { 'src/inbox/a.ts': `import type { C } from '../contacts/c.entity.js';` },
      /each other’s entities/,
    ],
    ['SQL in a service', { 'src/inbox/a.service.ts': 'q(`\n  select id from a`)' }, /holds SQL/],
    [
      'HTTP in a service',
      { 'src/inbox/a.service.ts': `import { NotFoundException } from '@nestjs/common';` },
      /nothing of HTTP/,
    ],
    [
      'the account resolver in a service',
      { 'src/inbox/a.service.ts': `import { AccountResolver } from '../accounts/account-resolver.js';` },
      /in controllers only/,
    ],
    [
      'a queue in a service',
      { 'src/inbox/a.service.ts': `import { InjectQueue } from '@nestjs/bull';` },
      /only caller of queue\.add/,
    ],
    ['Nest in common', { 'src/common/a.ts': `import { Injectable } from '@nestjs/common';` }, /plain TypeScript/],
  ])('refuses %s', (_name, planted, line) => {
    expect(violations(new Map(Object.entries(planted)))).toEqual([expect.stringMatching(line)]);
  });

  it('lets the table’s own arrows pass', () => {
    const planted = {
      'src/main.ts': `import { AppModule } from './app.module.js';`,
      'src/app.module.ts': `import { InboxModule } from './inbox/inbox.module.js';`,
      'src/worker.module.ts': `import { W } from './inbox/inbox.worker.module.js';`,
      'src/cli/context.ts': `import { AppModule } from '../app.module.js';`,
      'src/inbox/inbox.module.ts': `import { C } from '../contacts/contacts.module.js'; import { a } from './deep/a.js';`,
      'src/inbox/inbox.worker.module.ts': `import { InboxModule } from './inbox.module.js'; @Processor('x') class P {}`,
      'src/inbox/deep/a.ts': `import { page } from '../../common/page.js';`,
      'src/database/migrations.ts': `import { A } from '../../migrations/1-A.js';`,
      'migrations/1-A.ts': `import type { QueryRunner } from 'typeorm';`,
      'src/simulator/main.ts': `import { once } from '../common/once.js';`,
    };
    expect(violations(new Map(Object.entries(planted)))).toEqual([]);
  });
});
