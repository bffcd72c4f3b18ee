import { badParam, GraphError } from '../graph/graph-error.js';
import { isDeliverable } from '../state/media-kinds.js';
import { httpUrlAt, onlyKeys, optionalFlagAt, optionalTextAt, textAt, type Json } from './check.js';

/** What is known of a media id. */
export interface KnownMedia {
  readonly mime: string;
  readonly bytes: Buffer;
}

/** How media ids are looked up. */
export interface MediaRules {
  /** Undefined when there is no such media, or no longer. */
  find: (mediaId: string) => KnownMedia | undefined;
  isChecked: boolean;
  /** What an unknown id is refused with. */
  unknownIdCode: number;
}

/** Checks a media object inside something larger. */
export type CheckMedia = (media: Json, type: string, path: string) => void;

const MAX_CAPTION = 1024;
const UPLOAD_FAILED = 131053;
const EXTRAS: Record<string, readonly string[]> = {
  document: ['caption', 'filename'],
  audio: ['voice'],
  sticker: [],
};

/**
 * Checks a media object and answers the code of the failed status that must follow, 0 for none: Meta tells afterwards that a
 * file is not of a type it delivers.
 */
export function checkMedia(media: Json, type: string, path: string, rules: MediaRules): number {
  onlyKeys(media, path, ['id', 'link', 'provider', ...(EXTRAS[type] ?? ['caption'])]);
  optionalTextAt(media, 'caption', `${path}['caption']`, MAX_CAPTION);
  optionalTextAt(media, 'filename', `${path}['filename']`, 240);
  const isVoice = optionalFlagAt(media, 'voice', `${path}['voice']`) === true;
  return checkSource(media, type, path, rules, isVoice);
}

/** `id` or `link` of a media object. A link is not fetched. */
export function checkSource(media: Json, type: string, path: string, rules: MediaRules, isVoice = false): number {
  if (media.id !== undefined && media.link !== undefined) {
    throw badParam(`Param ${path} must have either id or link, not both.`);
  }
  if (media.link !== undefined) {
    httpUrlAt(media, 'link', `${path}['link']`);
    return 0;
  }
  const id = textAt(media, 'id', `${path}['id']`, 512);
  if (!rules.isChecked) {
    return 0;
  }
  const file = rules.find(id);
  if (file === undefined) {
    return unknownId(`${path}['id']`, rules.unknownIdCode);
  }
  return isDeliverable(type, file.mime, file.bytes, isVoice) ? 0 : UPLOAD_FAILED;
}

/** Seen in production for ids unknown and expired alike: code 100 at once. Some report other codes, hence the setting. */
function unknownId(path: string, code: number): number {
  const sentence = `Param ${path} is not a valid whatsapp business account media attachment ID`;
  if (code === UPLOAD_FAILED) {
    return UPLOAD_FAILED;
  }
  throw code === 100 ? badParam(sentence) : new GraphError(code, sentence);
}
