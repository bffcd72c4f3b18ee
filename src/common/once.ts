/**
 * Work that has to succeed once: who calls while it runs shares the attempt, who calls after it failed tries again, and
 * who calls after it succeeded gets nothing to wait for.
 */
export function onceItSucceeds(work: () => Promise<void>): () => Promise<void> {
  let attempt: Promise<void> | null = null;
  return () => {
    attempt ??= work().catch((error: unknown) => {
      attempt = null;
      throw error;
    });
    return attempt;
  };
}
