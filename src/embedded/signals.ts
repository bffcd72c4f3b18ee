const ECHO_MS = 1_000;
const PARENT_CHECK_MS = 1_000;

/**
 * Calls back when this process is asked to end by Ctrl-C, SIGTERM or a closed terminal, or when the npm that runs it is
 * gone.
 *
 * @returns a promise for the first of them.
 */
export function onStopSignals(listeners: { onFirst: () => void; onAgain: () => void }): Promise<void> {
  return new Promise((resolve) => {
    let firstAt = 0;
    const stop = (): void => {
      if (!firstAt) {
        firstAt = Date.now();
        listeners.onFirst();
        resolve();
        return;
      }
      // One Ctrl-C arrives twice: from the terminal, and passed on by npm.
      if (Date.now() - firstAt > ECHO_MS) {
        listeners.onAgain();
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, stop);
    }

    const parent = process.ppid;
    if (process.env.npm_lifecycle_event && parent !== 1) {
      const timer = setInterval(() => {
        if (process.ppid !== parent) {
          clearInterval(timer);
          stop();
        }
      }, PARENT_CHECK_MS);
      timer.unref();
    }
  });
}
