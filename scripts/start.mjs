import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { takeLock } from './lock.mjs';
import { PrepareError, prepare, root } from './prepare.mjs';

const startedAt = performance.now();
const verbose = readVerbose();
const lock = takeOrExplain();
process.on('exit', () => lock.release());
// Without a handler a signal would end us before the lock is released. The launcher proper brings its own.
const quit = () => process.exit(0);
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
signals.forEach((signal) => process.on(signal, quit));

console.log('Starting Parley (Ctrl-C stops everything)');
try {
  await prepare();
  const { start } = await import('../dist/src/embedded/start.js');
  process.exitCode = await start({
    root,
    startedAt,
    verbose,
    onAddress: (url) => lock.note({ url }),
    onSignalsHandled: () => signals.forEach((signal) => process.off(signal, quit)),
  });
} catch (error) {
  console.error(error instanceof PrepareError ? error.message : error);
  process.exitCode = 1;
}
process.exit();

function readVerbose() {
  try {
    const { values } = parseArgs({ options: { verbose: { type: 'boolean', default: false } } });
    return values.verbose || process.env.PARLEY_VERBOSE === '1';
  } catch (error) {
    console.error(`${error.message}\nUsage: npm start [-- --verbose]`);
    return process.exit(1);
  }
}

function takeOrExplain() {
  try {
    const taken = takeLock(join(root, '.data', 'start.lock'));
    if (taken.held) {
      return taken;
    }
    const { owner } = taken;
    console.error(
      `Parley is already running from this folder: ${owner.url ?? 'still starting'} (process ${owner.pid}).`,
    );
  } catch (error) {
    console.error(
      error.code === 'EACCES' || error.code === 'EROFS'
        ? `Cannot write ${error.path}: start Parley as the user who owns this folder (was it started with sudo before?).`
        : error,
    );
  }
  process.exit(1);
}
