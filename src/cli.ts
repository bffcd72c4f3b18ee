import 'reflect-metadata';
import { runCommandLine } from './cli/run.js';

// Whoever reads has seen enough, as head has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

/** The operator's commands. */
runCommandLine(process.argv.slice(2), {
  // Waits until it is out: what is still in a pipe when a process exits is lost.
  out: (text) => new Promise((resolve) => process.stdout.write(text, () => resolve())),
  err: (text) => void process.stderr.write(text),
}).then(
  (exitCode) => process.exit(exitCode),
  () => process.exit(1),
);
