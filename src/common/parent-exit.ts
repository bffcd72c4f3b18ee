const SHUTDOWN_DEADLINE_MS = 8_000;

/**
 * Ends this process when the launcher that started it (over an IPC channel) is gone, even by `kill -9`, so that no
 * orphan keeps a port or a database connection. Without an IPC channel it does nothing.
 *
 * @param shutdown closes what is open. It gets 8 seconds, then the process exits all the same (code 1); it may be
 *   called while a SIGTERM shutdown is under way, so it has to tolerate a second call.
 */
export function exitWhenParentDies(shutdown: () => Promise<void> | void): void {
  if (!process.send) {
    return;
  }

  process.once('disconnect', () => {
    const deadline = setTimeout(() => process.exit(1), SHUTDOWN_DEADLINE_MS);
    deadline.unref();
    Promise.resolve()
      .then(shutdown)
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  });
  // A listener keeps the channel, and with it the process, alive: a process that has closed everything must be able to end.
  process.channel?.unref();
}
