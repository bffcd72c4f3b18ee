import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import { start } from 'node:repl';
import { inspect } from 'node:util';
import { EventSource } from 'undici';

/**
 * Runs the JavaScript of a guide block by block, as one module would: names stay from one block to the next, `await` stands
 * anywhere. A line of JSON in, `{code}`; a line of JSON out, `{output}` or `{output, error}`.
 */
// Browsers have it.
globalThis.EventSource ??= EventSource;

const printed = [];
for (const name of ['log', 'info', 'warn', 'error']) {
  console[name] = (...values) =>
    printed.push(
      values
        .map((value) => (typeof value === 'string' ? value : (toJson(value) ?? inspect(value, { depth: 5 }))))
        .join(' '),
    );
}

const uncaught = new PassThrough();
const session = start({ input: new PassThrough(), output: uncaught, terminal: false, useGlobal: true });

for await (const line of createInterface({ input: process.stdin })) {
  printed.length = 0;
  const error = await run(withDynamicImports(JSON.parse(line).code));
  process.stdout.write(`${JSON.stringify({ output: printed.join('\n'), ...(error ? { error } : {}) })}\n`);
}
process.exit(0);

/** What is thrown after an `await` is not given back: the session writes it down. */
function run(code) {
  return new Promise((resolve) => {
    let words = '';
    uncaught.removeAllListeners('data');
    uncaught.on('data', (chunk) => {
      words += chunk;
      if (words.includes('Uncaught')) {
        setTimeout(() => resolve(words), 50);
      }
    });
    session.eval(`${code}\n;undefined\n`, session.context, 'guide', (error) =>
      resolve(error ? (error.stack ?? inspect(error)) : null),
    );
  });
}

/** A session knows no import statements. */
function withDynamicImports(code) {
  return code
    .replaceAll(/^import (\{[^}]*\}) from ('[^']+');$/gm, (_, names, from) => {
      return `const ${names.replaceAll(' as ', ': ')} = await import(${from});`;
    })
    .replaceAll(/^import (\w+) from ('[^']+');$/gm, 'const { default: $1 } = await import($2);');
}

/** As JSON.stringify, where it can. */
function toJson(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
