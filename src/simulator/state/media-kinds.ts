const MB = 1024 * 1024;
const OFFICE = 'application/vnd.openxmlformats-officedocument';

/** Meta: what may be uploaded, in the order Meta prints it, and how large it may be. */
export const UPLOAD_LIMITS: Readonly<Record<string, number>> = {
  'audio/aac': 16 * MB,
  'audio/mp4': 16 * MB,
  'audio/mpeg': 16 * MB,
  'audio/amr': 16 * MB,
  'audio/ogg': 16 * MB,
  'audio/opus': 16 * MB,
  'application/vnd.ms-powerpoint': 100 * MB,
  'application/msword': 100 * MB,
  [`${OFFICE}.wordprocessingml.document`]: 100 * MB,
  [`${OFFICE}.presentationml.presentation`]: 100 * MB,
  [`${OFFICE}.spreadsheetml.sheet`]: 100 * MB,
  'application/pdf': 100 * MB,
  'application/vnd.ms-excel': 100 * MB,
  'text/plain': 100 * MB,
  'image/jpeg': 5 * MB,
  'image/png': 5 * MB,
  'image/webp': 500 * 1024,
  'video/mp4': 16 * MB,
  'video/3gpp': 16 * MB,
};

/** Meta: what each kind of message may carry. */
const SENDABLE: Readonly<Record<string, RegExp>> = {
  image: /^image\/(jpeg|png)$/,
  video: /^video\/(mp4|3gpp)$/,
  audio: /^audio\/(aac|amr|mpeg|mp4|ogg|opus)$/,
  document: /./,
  sticker: /^image\/webp$/,
  gif: /^video\/mp4$|^image\/gif$/,
};
const MAX_STATIC_STICKER = 100 * 1024;

/** Whether WhatsApp delivers such a file in a message of this type. Meta: what it does not deliver fails with 131053. */
export function isDeliverable(type: string, fullMime: string, bytes: Buffer, isVoice: boolean): boolean {
  const mime = fullMime.split(';')[0] as string;
  if (!SENDABLE[type]?.test(mime)) {
    return false;
  }
  if (type === 'sticker') {
    return bytes.length <= MAX_STATIC_STICKER || isAnimatedWebp(bytes);
  }
  return !isVoice || /^audio\/(ogg|opus)$/.test(mime);
}

/** An extended WebP tells in its flags whether it moves. */
function isAnimatedWebp(bytes: Buffer): boolean {
  return bytes.toString('latin1', 12, 16) === 'VP8X' && ((bytes[20] ?? 0) & 0x02) !== 0;
}
