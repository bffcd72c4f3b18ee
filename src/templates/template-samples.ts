import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError, invalidFields, type FieldError } from '../common/app-error.js';
import type { OpenedMedia } from '../media/opened-media.js';
import { MediaService } from '../media/media.service.js';
import { UploadsApi } from '../meta/api/uploads.js';
import { readingProblem } from '../meta/graph-problem.js';
import type { SampleHandles } from './template-components.js';
import type { TemplateParts } from './template-parts.js';

/** As what a file is sent that a header of this type can show. */
const MEDIA_OF_HEADER: Record<string, string> = {
  IMAGE: 'image',
  VIDEO: 'video',
  GIF: 'video',
  DOCUMENT: 'document',
};
/** Source: Meta's guide of the Resumable Upload API. */
const SAMPLE_TYPES = new Set(['image/jpeg', 'image/png', 'video/mp4', 'application/pdf']);

interface Sample {
  field: string;
  headerType: string;
  mediaId: number;
}

/** The files that Meta's review sees in the place of media headers. */
@Injectable()
export class TemplateSamples {
  constructor(
    private readonly media: MediaService,
    private readonly uploads: UploadsApi,
  ) {}

  /** @throws `validation_failed` for a file that is not there, or that such a header cannot show */
  async check(account: Account, parts: Pick<TemplateParts, 'header' | 'headerMediaId' | 'carousel'>): Promise<void> {
    const errors: FieldError[] = [];
    for (const sample of samplesOf(parts)) {
      await this.open(account, sample).catch((error: unknown) => {
        if (!(error instanceof AppError) || !error.options.errors) {
          throw error;
        }
        errors.push(...error.options.errors);
      });
    }
    if (errors.length > 0) {
      throw invalidFields(errors);
    }
  }

  /**
   * Uploads them; one file that stands in several places goes once.
   * @throws as {@link check} does; `graph_error` with Meta's words
   */
  async upload(
    account: Account,
    parts: Pick<TemplateParts, 'header' | 'headerMediaId' | 'carousel'>,
  ): Promise<SampleHandles> {
    const handles = new Map<number, string>();
    for (const sample of samplesOf(parts)) {
      if (!handles.has(sample.mediaId)) {
        handles.set(sample.mediaId, await this.give(account, sample));
      }
    }
    const handleOf = (mediaId: number | null | undefined): string | null => handles.get(mediaId ?? 0) ?? null;
    return {
      headerHandle: handleOf(parts.headerMediaId),
      cardHandles: parts.carousel?.map((card) => handleOf(card.header.media_id)) ?? [],
    };
  }

  private async give(account: Account, sample: Sample): Promise<string> {
    const file = await this.open(account, sample);
    const answer = await this.uploads.upload(account, {
      filename: file.filename ?? `sample-${sample.mediaId}`,
      mimeType: file.mimeType,
      size: file.size,
      open: (offset) => file.read(offset === 0 ? null : { start: offset, end: file.size - 1 }),
    });
    if (!answer.ok) {
      const { failure } = answer;
      // A sample that went twice does no harm, so a lost answer is no riddle.
      throw readingProblem(failure);
    }
    return answer.body.handle;
  }

  private async open(account: Account, { field, headerType, mediaId }: Sample): Promise<OpenedMedia> {
    const file = await this.media.open(account, mediaId).catch((error: unknown) => {
      if (error instanceof AppError && (error.code === 'not_found' || error.code === 'media_gone')) {
        throw wrong(field, 'not_found', 'names no file of the media library');
      }
      throw error;
    });
    if (file.mediaType !== MEDIA_OF_HEADER[headerType]) {
      throw wrong(field, 'media_type_mismatch', `names a file that is sent as ${file.mediaType}, not as ${headerType}`);
    }
    if (!SAMPLE_TYPES.has(file.mimeType)) {
      throw wrong(
        field,
        'media_type_mismatch',
        'names a file that is no JPEG, PNG, MP4 or PDF: Meta reviews only those',
      );
    }
    return file;
  }
}

function samplesOf({
  header,
  headerMediaId,
  carousel,
}: Pick<TemplateParts, 'header' | 'headerMediaId' | 'carousel'>): Sample[] {
  return [
    ...(header && headerMediaId !== null
      ? [{ field: 'header.media_id', headerType: header.type, mediaId: headerMediaId }]
      : []),
    ...(carousel ?? []).flatMap(({ header: { type: headerType, media_id: mediaId } }, index) =>
      mediaId ? [{ field: `carousel.${index}.header.media_id`, headerType, mediaId }] : [],
    ),
  ];
}

function wrong(field: string, code: string, message: string): AppError {
  return invalidFields([{ field, code, message: `${field} ${message}` }]);
}
