import { join } from 'node:path';
import { takeLock } from './lock.mjs';
import { PrepareError, prepare, root } from './prepare.mjs';

try {
  await prepare();
  const { dataDir, lock } = takeSlot();
  process.on('exit', () => lock.release());
  const { runTests } = await import('../dist/src/embedded/test-run.js');
  process.exitCode = await runTests({ root, dataDir, args: process.argv.slice(2) });
} catch (error) {
  console.error(error instanceof PrepareError ? error.message : error);
  process.exitCode = 1;
}
process.exit();

/** Each run that goes on at the same time has servers of its own. */
function takeSlot() {
  for (let slot = 1; ; slot += 1) {
    const dataDir = join(root, '.data', slot === 1 ? 'test' : `test-${slot}`);
    const lock = takeLock(join(dataDir, 'run.lock'));
    if (lock.held) {
      return { dataDir, lock };
    }
  }
}
