import 'reflect-metadata';
import { AppError } from './common/app-error.js';
import { EnvironmentError } from './config/env.js';
import { parseCommand } from './cli/commands.js';
import { loadEnvironment, UsageError } from './cli/context.js';

/** The operator's commands. Text for people, `--json` for scripts; exit code 1 with one line when it did not work. */
async function main(): Promise<number> {
  loadEnvironment();
  const { command, values, positionals } = parseCommand(process.argv.slice(2));
  const output = await command.run(values, positionals);
  process.stdout.write(`${values.json ? JSON.stringify(output.json) : output.text}\n`);
  return output.exitCode ?? 0;
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const isExpected = error instanceof UsageError || error instanceof EnvironmentError || error instanceof AppError;
    process.stderr.write(`${isExpected ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
