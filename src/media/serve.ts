import { StreamableFile } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AppError } from '../common/app-error.js';
import { contentDisposition } from './filename.js';
import { extensionOf, isShownInline } from './media-kinds.js';
import type { OpenedMedia } from './opened-media.js';

/** A day: the bytes never change, but a file may be deleted. */
const CACHE_S = 86_400;

/**
 * Answers a request with a kept file: parts, caches and headers, so that no file does in a browser what a page would do.
 * In a handler with `@Res({ passthrough: true }) reply: FastifyReply` and `@Req() request`:
 * `return sendMedia(reply, await this.media.open(account, id, request.headers.range))`.
 */
export async function sendMedia(reply: FastifyReply, opened: OpenedMedia): Promise<StreamableFile | undefined> {
  const { 'if-none-match': known, 'if-range': ifRange } = reply.request.headers;
  const etag = `"${opened.sha256}"`;
  // "The part, if the file is still that one, else all of it"; all of it when the condition is a date, which files here lack.
  const range = ifRange === undefined || ifRange === etag ? opened.range : null;
  if (range === 'unsatisfiable') {
    void reply.header('content-range', `bytes */${opened.size}`);
    throw new AppError('range_not_satisfiable', `The file has ${opened.size} bytes.`);
  }
  void reply.headers({
    etag,
    'cache-control': `private, max-age=${CACHE_S}, immutable`,
    'accept-ranges': 'bytes',
    // What a cache may answer to one key it may not answer to another.
    vary: [reply.getHeader('vary'), 'X-API-Key', 'X-Account-Id'].filter(Boolean).join(', '),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'",
  });
  if (matches(known, etag)) {
    void reply.status(304);
    return undefined;
  }
  const stream = await opened.read(range);
  const isInline = isShownInline(opened.mimeType);
  void reply.headers({
    'content-type': opened.mimeType,
    'content-disposition': contentDisposition(
      isInline ? 'inline' : 'attachment',
      opened.filename,
      `${opened.mediaType}${extensionOf(opened.mimeType)}`,
    ),
    'content-length': String(range ? range.end - range.start + 1 : opened.size),
  });
  if (range) {
    void reply.status(206).header('content-range', `bytes ${range.start}-${range.end}/${opened.size}`);
  }
  return new StreamableFile(stream);
}

function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '')
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === etag || tag === '*');
}
