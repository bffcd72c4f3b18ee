/** Of a file: waiting for its bytes, kept, given up, or taken away. */
export const MEDIA_STATES = ['pending', 'stored', 'failed', 'deleted'] as const;
export type MediaState = (typeof MEDIA_STATES)[number];

export const MEDIA_TYPES = ['image', 'video', 'audio', 'document', 'sticker'] as const;
export type MediaType = (typeof MEDIA_TYPES)[number];
