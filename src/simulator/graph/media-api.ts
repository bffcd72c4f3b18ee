import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StoredMedia, UploadSession } from '../state/media.js';
import type { World } from '../world.js';
import { paramsOf, type GraphCall } from './call.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { readForm } from './multipart.js';
import { respond, respondJson } from './respond.js';

const MB = 1024 * 1024;
/** Meta: what may be uploaded, and how large. README §A.2. */
const KINDS: readonly (readonly [RegExp, number])[] = [
  [/^image\/webp$/, 0.5 * MB],
  [/^image\/(jpeg|png)$/, 5 * MB],
  [/^video\/(mp4|3gpp)$/, 16 * MB],
  [/^audio\/(aac|amr|mpeg|mp4|ogg|opus)/, 16 * MB],
  [/^text\/plain/, 100 * MB],
  [/^application\/(pdf|msword|vnd\.ms-(excel|powerpoint)|vnd\.openxmlformats-officedocument\.)/, 100 * MB],
];

/** `POST /{PHONE}/media`. */
export function handleMediaUpload(call: GraphCall): void {
  const { world, id, token, bytes, request, response } = call;
  const number = world.registry.number(id, token);
  if (number === undefined) {
    throw unknownObject('POST', id);
  }
  const form = readForm(bytes, request.headers['content-type'] ?? '');
  if (form.get('messaging_product')?.bytes.toString() !== 'whatsapp') {
    throw badParam('The parameter messaging_product is required.');
  }
  const file = form.get('file');
  if (file === undefined || file.bytes.length === 0) {
    throw badParam('The parameter file is required.');
  }
  const mime = form.get('type')?.bytes.toString().trim() || file.type;
  const limit = KINDS.find(([pattern]) => pattern.test(mime))?.[1];
  if (limit === undefined) {
    throw badParam(`Param file must be a file with a supported type; got ${mime.slice(0, 60) || 'none'}.`);
  }
  if (file.bytes.length > limit) {
    throw new GraphError(131053, `The file has more than ${limit} bytes.`);
  }
  // A copy, so that the rest of the form can be freed.
  respondJson(response, { id: world.media.add(number.id, mime, Buffer.from(file.bytes)).id });
}

/** `GET|DELETE /{MEDIA_ID}`; false when there is no such media. Meta: `phone_number_id` restricts to that number. */
export function handleMedia({ world, id, method, query, response }: GraphCall): boolean {
  const file = world.media.find(id);
  const number = query.get('phone_number_id');
  if (file === undefined || (number !== null && number !== file.numberId)) {
    return false;
  }
  if (method === 'DELETE') {
    world.media.remove(id);
    respondJson(response, { success: true });
    return true;
  }
  if (method !== 'GET') {
    throw unknownObject(method, id);
  }
  respondJson(response, {
    messaging_product: 'whatsapp',
    ...mediaFacts(world, file),
    file_size: file.bytes.length,
    id,
  });
  return true;
}

function mediaFacts(world: World, file: StoredMedia): Record<string, string> {
  return { url: world.ownUrl + world.media.path(file), mime_type: file.mime, sha256: file.sha256.toString('hex') };
}

/** The download host. Meta: any failure is 404, also a missing token. */
export function handleDownload(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
): void {
  const hasToken = /^Bearer +\S/i.test(request.headers.authorization ?? '');
  const file = hasToken ? world.media.atUrl(query) : undefined;
  if (file === undefined) {
    respond(response, 404, '', 'text/html');
    return;
  }
  response.writeHead(200, { 'content-type': file.mime, 'content-length': file.bytes.length });
  response.end(file.bytes);
}

/** `POST /{APP_ID}/uploads`: starts a resumable upload. */
export function handleUploadStart(call: GraphCall): void {
  const params = paramsOf(call);
  const length = Number(params.file_length);
  if (!Number.isInteger(length) || length < 1 || length > 100 * MB) {
    throw badParam('Param file_length must be the number of bytes of the file.');
  }
  const mime = typeof params.file_type === 'string' ? params.file_type : '';
  if (!/^(application\/pdf|image\/(jpeg|jpg|png)|video\/mp4)$/.test(mime)) {
    throw badParam('Param file_type must be one of {application/pdf, image/jpeg, image/jpg, image/png, video/mp4}.');
  }
  respondJson(call.response, { id: call.world.media.startUpload(mime, length).id });
}

/** `POST|GET /upload:{SESSION}`: takes the bytes, or tells how many there are. */
export function handleUpload({ world, id, method, bytes, request, response }: GraphCall): void {
  const session = world.media.upload(id);
  if (session === undefined) {
    throw unknownObject(method, id);
  }
  if (method === 'GET') {
    respondJson(response, { id: session.id, file_offset: session.bytes.length });
    return;
  }
  takeBytes(session, Number(request.headers.file_offset ?? 0), bytes);
  if (session.bytes.length < session.length) {
    respondJson(response, { id: session.id, file_offset: session.bytes.length });
    return;
  }
  respondJson(response, { h: world.media.finishUpload(session) });
}

function takeBytes(session: UploadSession, offset: number, bytes: Buffer): void {
  if (offset !== session.bytes.length) {
    throw badParam(`The file_offset must be ${session.bytes.length}.`);
  }
  if (offset + bytes.length > session.length) {
    throw badParam('More bytes than file_length announced.');
  }
  session.bytes = Buffer.concat([session.bytes, bytes]);
}
