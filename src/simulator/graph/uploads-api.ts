import type { UploadSession } from '../state/media.js';
import { paramsOf, type GraphCall } from './call.js';
import { badParam, GraphError, unknownObject } from './graph-error.js';
import { respondJson } from './respond.js';

const MAX_BYTES = 100 * 1024 * 1024;

/** `POST /{APP_ID}/uploads`: starts a resumable upload. `app` stands for the app of the token. */
export function handleUploadStart(call: GraphCall): void {
  const params = paramsOf(call);
  const length = Number(params.file_length);
  if (!Number.isInteger(length) || length < 1 || length > MAX_BYTES) {
    throw badParam('Param file_length must be the number of bytes of the file.');
  }
  const mime = typeof params.file_type === 'string' ? params.file_type : '';
  if (!/^(application\/pdf|image\/(jpeg|jpg|png)|video\/mp4)$/.test(mime)) {
    throw badParam('Param file_type must be one of {application/pdf, image/jpeg, image/jpg, image/png, video/mp4}.');
  }
  const { id, signature } = call.world.media.startUpload(mime, length);
  respondJson(call.response, { id: `${id}?sig=${signature}` });
}

/** `POST|GET /upload:{SESSION}?sig=…`: takes the bytes, or tells how many there are. */
export function handleUpload({ world, id, method, query, bytes, request, response }: GraphCall): void {
  const session = world.media.upload(id);
  if (session === undefined || query.get('sig') !== session.signature) {
    throw unknownObject(method, id);
  }
  if (!/^OAuth /i.test(request.headers.authorization ?? '')) {
    throw new GraphError(190, '', {
      message: 'Uploads need the header Authorization: OAuth <token>.',
      withoutData: true,
    });
  }
  const state = { id: `${id}?sig=${session.signature}`, file_offset: session.bytes.length };
  if (method === 'GET') {
    respondJson(response, state);
    return;
  }
  if (method !== 'POST') {
    throw unknownObject(method, id);
  }
  const { media } = world.config;
  const isBroken = media.break_uploads > 0;
  media.break_uploads -= isBroken ? 1 : 0;
  takeBytes(session, request.headers.file_offset, isBroken ? bytes.subarray(0, bytes.length >> 1) : bytes);
  if (isBroken) {
    // The connection breaks half way, as on a long way.
    request.socket.destroy();
    return;
  }
  if (session.bytes.length < session.length) {
    respondJson(response, { ...state, file_offset: session.bytes.length });
    return;
  }
  respondJson(response, { h: world.media.finishUpload(session) });
}

function takeBytes(session: UploadSession, header: string | string[] | undefined, bytes: Buffer): void {
  if (typeof header !== 'string' || Number(header) !== session.bytes.length) {
    throw badParam(`The header file_offset must be ${session.bytes.length}.`);
  }
  if (session.bytes.length + bytes.length > session.length) {
    throw badParam('More bytes than file_length announced.');
  }
  session.bytes = Buffer.concat([session.bytes, bytes]);
}
