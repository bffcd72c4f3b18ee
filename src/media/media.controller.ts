import { Controller, Delete, Get, Param, Post, Query, Req, Res, type StreamableFile } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AccountResolver } from '../accounts/account-resolver.js';
import { AccountScopedDto, IdParam } from '../http/common.dto.js';
import { Operation } from '../http/operation.js';
import type { ParleyRequest } from '../http/principal.js';
import { uploadedFile } from '../http/upload.js';
import { ApiFileResponses } from './file-responses.js';
import { MediaLibrary } from './media-library.js';
import { ListMediaQuery, MediaDto, MediaListDto, toMediaDto } from './media.dto.js';
import { sendMedia } from './serve.js';

const READ = { tag: 'Media', scope: 'inbox:read' } as const;
const WRITE = { tag: 'Media', scope: 'messages:send' } as const;

@Controller('media')
export class MediaController {
  constructor(
    private readonly accounts: AccountResolver,
    private readonly library: MediaLibrary,
  ) {}

  @Get()
  @Operation({
    ...READ,
    id: 'listMedia',
    summary: 'List the files of the media library, the newest first',
    answers: MediaListDto,
    errors: ['bad_cursor'],
  })
  async list(@Query() query: ListMediaQuery): Promise<MediaListDto> {
    const { id: accountId } = await this.accounts.current();
    const { q, media_type: mediaType, limit, cursor } = query;
    const page = await this.library.list(accountId, { q, mediaType, limit, cursor });
    return { media: page.rows.map(toMediaDto), next_cursor: page.nextCursor };
  }

  @Post()
  @ApiConsumes('multipart/form-data')
  @ApiBody({
    schema: { type: 'object', required: ['file'], properties: { file: { type: 'string', format: 'binary' } } },
  })
  @Operation({
    ...WRITE,
    id: 'uploadMedia',
    summary: 'Upload a file to the media library, and to Meta',
    description:
      "Its type is read from its content. Meta's limits: images (JPEG, PNG) 5 MB; videos (MP4, 3GPP) and audio (AAC, AMR, " +
      'MP3, M4A, OGG with Opus) 16 MB; stickers (WebP) 100 KB, animated ones 500 KB; documents (PDF, text, Word, Excel, ' +
      'PowerPoint) 100 MB. A file that is in the library already is not stored again: the answer is the one that is ' +
      'there, with status 200.',
    answers: MediaDto,
    status: 201,
    errors: ['bad_request', 'payload_too_large', 'unsupported_media_type', 'media_storage_failed', 'graph_error'],
  })
  @ApiResponse({ status: 200, description: 'The library has this file already.', type: MediaDto })
  async upload(
    @Req() request: ParleyRequest,
    @Query() _query: AccountScopedDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MediaDto> {
    const account = await this.accounts.current();
    const { media, isNew } = await this.library.add(account, await uploadedFile(request));
    void reply.status(isNew ? 201 : 200);
    return toMediaDto(media);
  }

  @Get(':id')
  @Operation({
    ...READ,
    id: 'getMedia',
    summary: 'Get what is known of a file of the media library',
    answers: MediaDto,
    errors: ['not_found'],
  })
  async get(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<MediaDto> {
    const { id: accountId } = await this.accounts.current();
    return toMediaDto(await this.library.get(accountId, id));
  }

  @Delete(':id')
  @Operation({
    ...WRITE,
    id: 'deleteMedia',
    summary: 'Delete a file from the media library, and from Meta',
    description: 'Messages that were sent with it stay, without the file.',
    errors: ['not_found'],
  })
  async delete(@Param() { id }: IdParam, @Query() _query: AccountScopedDto): Promise<void> {
    const { id: accountId } = await this.accounts.current();
    await this.library.remove(accountId, id);
  }

  @Get(':id/content')
  @Operation({
    ...READ,
    id: 'getMediaContent',
    summary: 'Download a file of the media library',
    description:
      'Takes `Range` (one part) and `If-None-Match`. Pictures, videos and audio may be shown by a browser; everything ' +
      'else is an attachment, and what a browser could run is `application/octet-stream`.',
    status: 200,
    errors: ['not_found', 'media_gone', 'range_not_satisfiable', 'media_storage_failed'],
  })
  @ApiFileResponses()
  async content(
    @Req() request: ParleyRequest,
    @Param() { id }: IdParam,
    @Query() _query: AccountScopedDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile | undefined> {
    const account = await this.accounts.current();
    return sendMedia(reply, await this.library.open(account, id, request.headers.range));
  }
}
