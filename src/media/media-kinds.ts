import { fileTypeFromBuffer } from 'file-type';
import type { MediaType } from './media-state.js';

/** How many of a file's first bytes its type is read from. */
export const HEAD_BYTES = 64 * 1024;

/** What is served for content that is not known: nothing that a browser would run. */
export const UNKNOWN_TYPE = 'application/octet-stream';

/** Names for the same thing. Meta takes .m4a as audio/mp4 only. */
const SAME_AS: Record<string, string> = {
  'audio/m4a': 'audio/mp4',
  'audio/x-m4a': 'audio/mp4',
  'audio/x-aac': 'audio/aac',
  'audio/aacp': 'audio/aac',
  'audio/mp3': 'audio/mpeg',
  'audio/opus': 'audio/ogg; codecs=opus',
  'image/jpg': 'image/jpeg',
  'video/3gp': 'video/3gpp',
  'audio/3gpp': 'video/3gpp',
  'application/x-pdf': 'application/pdf',
};

const OFFICE = 'application/vnd.openxmlformats-officedocument';
const TYPE_OF_EXTENSION: Record<string, string> = {
  m4a: 'audio/mp4',
  doc: 'application/msword',
  xls: 'application/vnd.ms-excel',
  ppt: 'application/vnd.ms-powerpoint',
  docx: `${OFFICE}.wordprocessingml.document`,
  xlsx: `${OFFICE}.spreadsheetml.sheet`,
  pptx: `${OFFICE}.presentationml.presentation`,
};

/** What a container may turn out to be when the name or the sender says so; the container alone does not tell. */
const MORE_PRECISELY: Record<string, readonly string[]> = {
  // An .m4a of many recorders calls itself an ordinary MP4.
  'video/mp4': ['audio/mp4'],
  'video/3gpp': ['audio/mp4'],
  'application/zip': ['docx', 'xlsx', 'pptx'].map((extension) => TYPE_OF_EXTENSION[extension] ?? ''),
  'application/x-cfb': ['doc', 'xls', 'ppt'].map((extension) => TYPE_OF_EXTENSION[extension] ?? ''),
};

/** Text that does nothing but be read; kept as declared. */
const PLAIN_TEXTS = ['text/csv', 'text/calendar', 'text/vcard'];

/** What the sender of a file says of it. */
export interface Declared {
  mimeType: string | null;
  filename: string | null;
}

/**
 * The type of a file by its first bytes. What its sender says decides only between names for what the bytes can be, so
 * nothing that a browser would run is ever taken for a picture.
 * @param isWhole the head is all there is
 */
export async function readMimeType(head: Uint8Array, isWhole: boolean, declared: Declared): Promise<string> {
  if (isUtf16(head)) {
    // Its mark looks like the beginning of an MP3.
    return UNKNOWN_TYPE;
  }
  // A file made to confuse the reader is a file that is not known.
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  const said = sayings(declared);
  if (found === undefined) {
    return isPlainText(head, isWhole)
      ? (said.find((type) => PLAIN_TEXTS.includes(type)) ?? 'text/plain')
      : UNKNOWN_TYPE;
  }
  const type = normalizeMimeType(found.mime);
  const precise = said.find((candidate) => MORE_PRECISELY[type]?.includes(candidate));
  if (precise !== undefined) {
    return precise;
  }
  return isMarkup(type) ? UNKNOWN_TYPE : type;
}

/** One spelling per type: lower case, no parameters but the codec of an OGG. */
export function normalizeMimeType(mimeType: string): string {
  const [essence = '', ...parameters] = mimeType
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const isOpus = essence === 'audio/ogg' && parameters.some((part) => /^codecs="?opus"?$/.test(part));
  return isOpus ? 'audio/ogg; codecs=opus' : (SAME_AS[essence] ?? essence);
}

/** Whether a WebP picture moves: its extended header has the animation flag. */
export function isAnimatedWebp(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(12, 16)).toString('latin1') === 'VP8X' && ((head[20] ?? 0) & 0x02) !== 0;
}

function sayings({ mimeType, filename }: Declared): string[] {
  const extension = /\.([A-Za-z0-9]{1,8})$/.exec(filename ?? '')?.[1]?.toLowerCase() ?? '';
  const byName = Object.hasOwn(TYPE_OF_EXTENSION, extension) ? TYPE_OF_EXTENSION[extension] : undefined;
  return [...(byName === undefined ? [] : [byName]), ...(mimeType === null ? [] : [normalizeMimeType(mimeType)])];
}

function isUtf16(head: Uint8Array): boolean {
  return (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
}

/** Whatever a browser may run: HTML, SVG, any XML, scripts. */
function isMarkup(type: string): boolean {
  return /(^text\/(html|xml))|[/+](xml|xhtml|svg|javascript)\b|svg/.test(type);
}

/** UTF-8 without control characters that is no markup. */
function isPlainText(head: Uint8Array, isWhole: boolean): boolean {
  let text: string;
  try {
    // `stream`: a character that the end of the head cuts in two is no error.
    text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: !isWhole });
  } catch {
    return false;
  }
  return text.length > 0 && !/[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) && !/^[\s\ufeff]*</.test(text);
}

/**
 * Types that browsers show as what they are and nothing else: served inline when the bytes are of that type. With the
 * extension for a file that has no name, as none has that was taken with a phone.
 */
const INLINE: Record<string, string> = {
  'image/jpeg': '.jpg',
  'image/png': '.png',
  'image/webp': '.webp',
  'video/mp4': '.mp4',
  'video/3gpp': '.3gp',
  'audio/mpeg': '.mp3',
  'audio/mp4': '.m4a',
  'audio/aac': '.aac',
  'audio/amr': '.amr',
  'audio/ogg': '.ogg',
  'audio/ogg; codecs=opus': '.ogg',
};

export function isShownInline(mimeType: string): boolean {
  return Object.hasOwn(INLINE, mimeType);
}

/** With its dot; empty for types of which files come with a name. */
export function extensionOf(mimeType: string): string {
  return isShownInline(mimeType) ? (INLINE[mimeType] ?? '') : '';
}

const KB = 1024;
const MB = 1024 * KB;

export interface UploadRule {
  mediaType: MediaType;
  maxBytes: number;
  /** The limit in words. */
  limit: string;
}

const IMAGE: UploadRule = { mediaType: 'image', maxBytes: 5 * MB, limit: 'An image may have at most 5 MB.' };
const VIDEO: UploadRule = { mediaType: 'video', maxBytes: 16 * MB, limit: 'A video may have at most 16 MB.' };
const AUDIO: UploadRule = { mediaType: 'audio', maxBytes: 16 * MB, limit: 'An audio file may have at most 16 MB.' };
const DOCUMENT: UploadRule = {
  mediaType: 'document',
  maxBytes: 100 * MB,
  limit: 'A document may have at most 100 MB.',
};
const STICKER: UploadRule = {
  mediaType: 'sticker',
  maxBytes: 100 * KB,
  limit: 'A sticker that does not move may have at most 100 KB.',
};
const MOVING_STICKER: UploadRule = {
  mediaType: 'sticker',
  maxBytes: 500 * KB,
  limit: 'An animated sticker may have at most 500 KB.',
};

/** What Meta takes. Source: Meta's guides of image, video, audio, document and sticker messages. */
const UPLOADS: Record<string, UploadRule> = {
  'image/jpeg': IMAGE,
  'image/png': IMAGE,
  'video/mp4': VIDEO,
  'video/3gpp': VIDEO,
  'audio/aac': AUDIO,
  'audio/amr': AUDIO,
  'audio/mpeg': AUDIO,
  'audio/mp4': AUDIO,
  'audio/ogg; codecs=opus': AUDIO,
  'text/plain': DOCUMENT,
  'application/pdf': DOCUMENT,
  ...Object.fromEntries(
    ['doc', 'xls', 'ppt', 'docx', 'xlsx', 'pptx'].map((extension) => [TYPE_OF_EXTENSION[extension] ?? '', DOCUMENT]),
  ),
};

/** What Meta takes, in words. */
export const UPLOAD_TYPES =
  'JPEG, PNG; MP4, 3GPP; AAC, AMR, MP3, M4A, OGG with Opus; WebP (sticker); PDF, text, Word, Excel, PowerPoint';

/** As what a file of this type can be sent, and how large it may be; null: Meta takes none of this type. */
export function uploadRuleOf(mimeType: string, head: Uint8Array): UploadRule | null {
  if (mimeType === 'image/webp') {
    return isAnimatedWebp(head) ? MOVING_STICKER : STICKER;
  }
  return Object.hasOwn(UPLOADS, mimeType) ? (UPLOADS[mimeType] ?? null) : null;
}

/** Meta gives out no larger file of a customer's. */
export const MAX_INBOUND_BYTES = 100 * MB;
