import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StoredMedia } from '../state/media.js';
import type { World } from '../world.js';
import { respond } from './respond.js';

const TRICKLE_EVERY_MS = 50;

/** The download host. Meta: any failure is 404, also a missing token. */
export function handleDownload(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
): void {
  const { media } = world.config;
  if (media.not_found_downloads >= 1) {
    media.not_found_downloads--;
    respond(response, 404, '', 'text/html');
    return;
  }
  if (media.fail_downloads >= 1) {
    media.fail_downloads--;
    respond(response, 503, '', 'text/html');
    return;
  }
  if (media.redirect_to !== '') {
    response.writeHead(302, { location: media.redirect_to }).end();
    return;
  }
  const hasToken = /^Bearer +\S/i.test(request.headers.authorization ?? '');
  const file = hasToken ? world.media.atUrl(query) : undefined;
  if (file === undefined) {
    respond(response, 404, '', 'text/html');
    return;
  }
  file.downloads++;
  response.writeHead(200, { 'content-type': file.mime, 'content-length': file.bytes.length });
  if (media.trickle_bytes_per_s > 0) {
    trickle(world, response, file, 0);
    return;
  }
  response.end(file.bytes);
}

/** A little at a time, until everything is written or the reader has gone. */
function trickle(world: World, response: ServerResponse, file: StoredMedia, sent: number): void {
  if (response.destroyed) {
    return;
  }
  const speed = world.config.media.trickle_bytes_per_s || Infinity;
  const pauseMs = Math.max(TRICKLE_EVERY_MS, 1000 / speed);
  const step = Math.min(file.bytes.length, Math.max(1, Math.floor((speed * pauseMs) / 1000)));
  response.write(file.bytes.subarray(sent, sent + step));
  if (sent + step >= file.bytes.length) {
    response.end();
    return;
  }
  world.later(pauseMs, () => trickle(world, response, file, sent + step));
}
