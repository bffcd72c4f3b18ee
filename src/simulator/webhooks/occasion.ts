import type { StoredMedia } from '../state/media.js';
import type { Person, ShownPerson } from '../state/people.js';
import type { BusinessNumber } from '../state/registry.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';

/** In which a message is written: who with which number, and the how-manieth of the call it is. */
export interface Occasion {
  readonly world: World;
  readonly number: BusinessNumber;
  readonly person: Person;
  readonly shown: ShownPerson;
  readonly index: number;
}

/** What a message says. */
export interface Content {
  /** `type` and the object named as it, in the shape of Meta's webhooks. */
  readonly message: Json;
  readonly media?: StoredMedia;
  /** Meta: messages of the system come without `contacts`. */
  readonly withoutContacts?: boolean;
  /** Whether the person wrote it; WhatsApp writes some by itself. */
  readonly isOfSystem?: boolean;
}

/** Makes the content anew for each message of a call: media and persons change from one to the next. */
export type MakeContent = (occasion: Occasion) => Content;
