import type { Fields } from '../fields.js';
import type { StoredMedia } from '../state/media.js';
import type { Json } from '../validation/check.js';
import type { World } from '../world.js';
import type { MakeContent } from './occasion.js';
import { sampleBytes } from './sample-bytes.js';

const MAX_BYTES = 100 * 1024 * 1024;
const DEFAULT_MIME: Record<string, string> = {
  image: 'image/png',
  video: 'video/mp4',
  audio: 'audio/mpeg',
  voice: 'audio/ogg; codecs=opus',
  document: 'text/plain',
  sticker: 'image/webp',
};
const OFFICE = 'application/vnd.openxmlformats-officedocument';
const MIME_OF_EXTENSION: Record<string, string> = {
  pdf: 'application/pdf',
  txt: 'text/plain',
  doc: 'application/msword',
  docx: `${OFFICE}.wordprocessingml.document`,
  xls: 'application/vnd.ms-excel',
  xlsx: `${OFFICE}.spreadsheetml.sheet`,
  ppt: 'application/vnd.ms-powerpoint',
  pptx: `${OFFICE}.presentationml.presentation`,
  zip: 'application/zip',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  mp4: 'video/mp4',
  mp3: 'audio/mpeg',
};
const CAPTIONED = ['image', 'video', 'document'];

/** Reads a message with a file. Meta: a voice message is an `audio` whose `voice` is true. */
export function readMedia(fields: Fields, type: string): MakeContent {
  const base64 = fields.text('bytes_base64') ?? fields.text('media_base64');
  const size = fields.has('size') ? fields.whole('size', 1, 1, MAX_BYTES) : undefined;
  const filename = fields.text('filename');
  const isAnimated = fields.flag('animated') ?? false;
  const isVoice = fields.flag('voice') ?? type === 'voice';
  const withoutUrl = fields.flag('without_url') ?? false;
  const caption = fields.text('caption');
  const mime = fields.text('mime_type') ?? mimeFor(type, filename, isVoice);
  const wireType = type === 'voice' ? 'audio' : type;
  return ({ world, number, index }) => {
    const seed = world.inboundCount + index;
    const bytes = base64 === undefined ? sampleBytes(mime, size, seed, isAnimated) : Buffer.from(base64, 'base64');
    const media = world.media.add(number.id, mime, bytes, 'webhook');
    const facts = {
      ...(caption !== undefined && CAPTIONED.includes(wireType) ? { caption } : {}),
      ...(wireType === 'document' ? { filename: filename ?? 'document.txt' } : {}),
      ...(wireType === 'audio' ? { voice: isVoice } : {}),
      ...(wireType === 'sticker' ? { animated: isAnimated } : {}),
      ...mediaFacts(world, media, withoutUrl),
    };
    return { message: { type: wireType, [wireType]: facts }, media };
  };
}

/** What webhooks say of a file. Meta: `url` since November 2025. */
export function mediaFacts(world: World, media: StoredMedia, withoutUrl = false): Json {
  return {
    mime_type: media.mime,
    sha256: world.media.announcedSha256(media).toString('base64'),
    id: media.id,
    ...(withoutUrl ? {} : { url: world.media.url(media, world.ownUrl) }),
  };
}

function mimeFor(type: string, filename: string | undefined, isVoice: boolean): string {
  const extension = filename?.split('.').pop()?.toLowerCase() ?? '';
  const ofName = type === 'document' ? MIME_OF_EXTENSION[extension] : undefined;
  return ofName ?? (DEFAULT_MIME[type === 'audio' && isVoice ? 'voice' : type] as string);
}
