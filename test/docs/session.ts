import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { runCommandLine } from '../../src/cli/run.js';

/** A shell or a JavaScript engine in which the blocks of a guide run one after another. */
export interface Session {
  /** @returns what the block printed @throws when it does not succeed */
  run(text: string): Promise<string>;
  close(): void;
}

const TIMEOUT_MS = 110_000;
const MARK = '---parley-guide-block-ended';

/** The command line in this process: it begins at once, where a process of its own takes seconds on a busy machine. */
export interface CommandLine {
  url: string;
  close(): Promise<void>;
}

/**
 * Answers a POST of arguments, separated by NUL, with what they print; the exit code is in a header.
 * @param afterwards waits for what a reader would find done before the next line is typed
 */
export async function startCommandLine(
  dir: string,
  env: NodeJS.ProcessEnv,
  afterwards: (printed: string) => Promise<unknown>,
): Promise<CommandLine> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) {
        chunks.push(chunk as Buffer);
      }
      const args = Buffer.concat(chunks).toString('utf8').split('\0').slice(0, -1);
      // Files and variables that stand before the command are the shell's.
      const [given = '{}', ...words] = args;
      const before = { env: process.env, dir: process.cwd() };
      process.env = { ...env, ...(JSON.parse(given) as NodeJS.ProcessEnv) };
      process.chdir(dir);
      let printed = '';
      const exitCode = await runCommandLine(words, {
        out: (text) => Promise.resolve(void (printed += text)),
        err: (text) => void (printed += text),
      });
      process.env = before.env;
      process.chdir(before.dir);
      await afterwards(printed);
      response.writeHead(exitCode === 0 ? 200 : 500, { 'x-exit-code': String(exitCode) }).end(printed);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Bash, in which `npm run cli` asks the command line of this process. */
export function shellSession(dir: string, env: NodeJS.ProcessEnv, commandLine: CommandLine): Session {
  const shell = spawn('bash', ['--noprofile', '--norc'], { cwd: dir, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let [output, errors, count] = ['', '', 0];
  let onOutput = (): void => undefined;
  shell.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
    onOutput();
  });
  shell.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')));
  shell.stdin.write(
    [
      'set -o pipefail',
      'npm() {',
      '  [ "$1" = run ] && shift; [ "$1" = --silent ] && shift; [ "$1" = cli ] || return 64; shift 2',
      // The two variables that a command line is given in front of it.
      '  local given; given=$(node -p "JSON.stringify({ ACCESS_TOKEN: process.env.ACCESS_TOKEN, APP_SECRET: process.env.APP_SECRET })")',
      `  printf '%s\\0' "$given" "$@" | curl -sS --fail-with-body --data-binary @- ${commandLine.url} || return 1`,
      '}',
      '',
    ].join('\n'),
  );
  return {
    run: async (text) => {
      [output, errors] = ['', ''];
      const file = join(dir, `block-${(count += 1)}.sh`);
      // Not a subshell: names stay. The first command that fails ends the block, for a block is tried as a whole.
      writeFileSync(file, `set -e\n${text}\n`);
      const ended = new Promise<void>((resolve) => {
        onOutput = () => (output.includes(MARK) ? resolve() : undefined);
      });
      shell.stdin.write(
        `trap 'echo "${MARK} 1"' EXIT; source ${file} < /dev/null; set +e; trap - EXIT; echo "${MARK} 0"\n`,
      );
      await withDeadline(ended, () => `it did not end: ${output}\n${errors}`);
      // What went to stderr may come a moment later than the mark on stdout.
      await new Promise((resolve) => setTimeout(resolve, 20));
      const [printed = '', status = ''] = output.split(MARK);
      if (status.trim() !== '0') {
        throw new Error(`it failed:\n${printed}\n${errors}`);
      }
      return printed;
    },
    close: () => end(shell),
  };
}

/** Node, with what browsers have. */
export function scriptSession(env: NodeJS.ProcessEnv): Session {
  const node = spawn(process.execPath, ['--no-warnings', join(process.cwd(), 'test/docs/js-session.mjs')], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: node.stdout });
  return {
    run: async (text) => {
      const answer = new Promise<string>((resolve) => answers.once('line', resolve));
      node.stdin.write(`${JSON.stringify({ code: text })}\n`);
      const { output, error } = JSON.parse(await withDeadline(answer, () => 'it did not end')) as {
        output: string;
        error?: string;
      };
      if (error !== undefined) {
        throw new Error(`it failed:\n${output}\n${error}`);
      }
      return output;
    },
    close: () => end(node),
  };
}

function end(child: ChildProcess): void {
  child.stdin?.end();
  child.kill();
}

async function withDeadline<T>(work: Promise<T>, words: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(words())), TIMEOUT_MS);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
