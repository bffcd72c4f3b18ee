import { Id, Int, ListOf, OneOf, OptionalText, Text, Timestamp } from '../http/fields.js';
import { NextCursor, PageQuery } from '../http/common.dto.js';
import type { Media } from './media.entity.js';
import { MEDIA_STATES, MEDIA_TYPES } from './media-state.js';

export class ListMediaQuery extends PageQuery {
  @OptionalText({ max: 200, description: 'Part of the file name.', example: 'brochure' })
  q?: string;

  @OneOf(MEDIA_TYPES, { optional: true, description: 'Only files that are sent as this.' })
  media_type?: string;
}

export class MediaDto {
  @Id()
  id: number;

  @Id()
  account_id: number;

  @Text({
    max: 512,
    nullable: true,
    description: "Meta's id, to send it with. It is renewed when it has expired; the old one can still be used here.",
    example: '600123456789012',
  })
  media_id: string | null;

  @Timestamp({ nullable: true, description: 'When media_id is renewed at the latest, should it be sent after that.' })
  media_id_expires_at: string | null;

  @OneOf(MEDIA_TYPES, { description: 'As what it is sent.', example: 'image' })
  media_type: string;

  @Text({ max: 200, description: 'By its content, whatever its name says.', example: 'image/jpeg' })
  mime_type: string;

  @Text({ max: 255, nullable: true, example: 'menu.jpg' })
  original_filename: string | null;

  @Int({ nullable: true, description: 'In bytes.', example: 84_213 })
  file_size: number | null;

  @Text({
    max: 64,
    nullable: true,
    description: 'In hex.',
    example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  })
  sha256: string | null;

  @OneOf(MEDIA_STATES, { description: 'Files of the library are stored.', example: 'stored' })
  state: string;

  @Timestamp()
  uploaded_at: string;
}

export class MediaListDto {
  @ListOf(() => MediaDto)
  media: MediaDto[];

  @NextCursor()
  next_cursor: string | null;
}

export function toMediaDto(media: Media): MediaDto {
  return {
    id: media.id,
    account_id: media.accountId,
    media_id: media.mediaId,
    media_id_expires_at: media.mediaIdExpiresAt?.toISOString() ?? null,
    media_type: media.mediaType,
    mime_type: media.mimeType,
    original_filename: media.originalFilename,
    file_size: media.fileSize,
    sha256: media.sha256,
    state: media.state,
    uploaded_at: media.createdAt.toISOString(),
  };
}
