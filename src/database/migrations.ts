import { CreateSpine1795000000000 } from '../../migrations/1795000000000-CreateSpine.js';
import { GrowInbox1795300000000 } from '../../migrations/1795300000000-GrowInbox.js';
import { ImportContacts1795300000100 } from '../../migrations/1795300000100-ImportContacts.js';
import { IndexInbox1795300000200 } from '../../migrations/1795300000200-IndexInbox.js';

/** In the order they are applied. Classes, not globs: what is compiled is what runs. */
export const MIGRATIONS = [
  CreateSpine1795000000000,
  GrowInbox1795300000000,
  ImportContacts1795300000100,
  IndexInbox1795300000200,
];
