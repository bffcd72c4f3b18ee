const DAY_MS = 86_400_000;

/** Waits over midnight UTC when it is near: for tests that say "today" and mean the same day as PostgreSQL a moment later. */
export async function awayFromMidnight(ms = 40_000): Promise<void> {
  const left = DAY_MS - (Date.now() % DAY_MS);
  if (left < ms) {
    await new Promise((resolve) => setTimeout(resolve, left + 10));
  }
}
