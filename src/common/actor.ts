import { AsyncLocalStorage } from 'node:async_hooks';

/** Who does something, for those who write down who did. */
export type Actor =
  | { type: 'api_key'; keyId: number; name: string; ip: string | null; requestId: string | null }
  /** The operator at the command line. */
  | { type: 'cli' }
  /** Parley itself: sweepers, webhooks, the environment. */
  | { type: 'system' };

const storage = new AsyncLocalStorage<Actor>();
const SYSTEM: Actor = { type: 'system' };

/** Everything that the work starts is done by this actor. */
export function actAs<T>(actor: Actor, work: () => T): T {
  return storage.run(actor, work);
}

/** Who is acting; Parley itself, where nobody said otherwise. */
export function currentActor(): Actor {
  return storage.getStore() ?? SYSTEM;
}
