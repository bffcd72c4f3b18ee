import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** A file as Meta has it. Its bytes may be made on the way, so that large ones are nowhere in memory. */
export interface GraphFile {
  mimeType: string;
  size: number;
  sha256: string;
  bytes: () => Iterable<Buffer>;
}

/** What the next downloads do instead of answering. */
export type Fault =
  | { status: number; location?: string }
  | { trickle: { chunk: number; everyMs: number } }
  | { hang: Promise<void> }
  | { cutAfter: number };

export interface Upload {
  id: string;
  fields: Record<string, string>;
  filename: string;
  contentType: string;
  size: number;
  sha256: string;
}

/**
 * The media part of Graph, for faults that Meta's own documentation does not know. Everything is streamed and counted, so
 * that a test can tell what its own process holds in memory.
 */
export class MediaGraph {
  readonly files = new Map<string, GraphFile>();
  readonly uploads: Upload[] = [];
  readonly deleted: string[] = [];
  /** Every request, as method and path, with the token it carried. */
  readonly requests: { method: string; path: string; token: string | undefined }[] = [];
  readonly faults: Fault[] = [];
  /** Answers to the next questions for a file, in place of the true one. */
  readonly answers: ((id: string) => { status: number; body: unknown })[] = [];
  uploadAnswer: (() => { status: number; body: unknown }) | null = null;
  /** The next uploads are cut off in the middle. */
  breaksUploads = false;
  /** Put into the address of files in place of this server. */
  host: string | null = null;
  sha256Of = (file: GraphFile): string | undefined => file.sha256;
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => void this.handle(request, response));
  }

  static async start(): Promise<MediaGraph> {
    const graph = new MediaGraph();
    await new Promise<void>((resolve) => graph.server.listen(0, '127.0.0.1', resolve));
    return graph;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  add(bytes: Buffer, mimeType: string): string {
    return this.addFile({ mimeType, size: bytes.length, sha256: sha256(bytes), bytes: () => [bytes] });
  }

  addFile(file: GraphFile): string {
    const id = String(randomBytes(6).readUIntBE(0, 6));
    this.files.set(id, file);
    return id;
  }

  downloads(id?: string): number {
    return this.requests.filter(({ path }) => path.startsWith('/download/') && (!id || path.includes(id))).length;
  }

  reset(): void {
    this.requests.length = 0;
    this.faults.length = 0;
    this.answers.length = 0;
    this.uploads.length = 0;
    this.deleted.length = 0;
    this.uploadAnswer = null;
    this.breaksUploads = false;
    this.host = null;
    this.sha256Of = (file) => file.sha256;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path } = new URL(request.url ?? '/', this.url);
    const method = request.method ?? 'GET';
    this.requests.push({ method, path, token: request.headers.authorization });
    try {
      if (path.startsWith('/download/')) {
        await this.download(path.slice('/download/'.length), request, response);
      } else if (path.endsWith('/media')) {
        await this.upload(request, response);
      } else if (/\/v[\d.]+\/\d+$/.test(path)) {
        this.node(method, path.split('/').pop() ?? '', response);
      } else {
        json(response, 400, { error: { code: 100, message: 'not here' } });
      }
    } catch {
      response.destroy();
    }
  }

  private node(method: string, id: string, response: ServerResponse): void {
    const answer = this.answers.shift();
    const file = this.files.get(id);
    if (answer) {
      const { status, body } = answer(id);
      json(response, status, body);
    } else if (!file) {
      json(response, 400, { error: { code: 100, error_subcode: 33, message: `Object '${id}' does not exist` } });
    } else if (method === 'DELETE') {
      this.files.delete(id);
      this.deleted.push(id);
      json(response, 200, { success: true });
    } else {
      json(response, 200, {
        messaging_product: 'whatsapp',
        url: `${this.host ?? this.url}/download/${id}?hash=x`,
        mime_type: file.mimeType,
        sha256: this.sha256Of(file),
        file_size: file.size,
        id,
      });
    }
  }

  private async download(id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.faults.shift();
    const file = this.files.get(id);
    if (fault && 'status' in fault) {
      response.writeHead(fault.status, fault.location === undefined ? {} : { location: fault.location }).end();
      return;
    }
    if (!file || !request.headers.authorization?.startsWith('Bearer ')) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': file.mimeType, 'content-length': file.size });
    if (fault && 'hang' in fault) {
      response.flushHeaders();
      await fault.hang;
    }
    let sent = 0;
    for (const chunk of file.bytes()) {
      if (fault && 'cutAfter' in fault && sent >= fault.cutAfter) {
        response.destroy();
        return;
      }
      if (fault && 'trickle' in fault) {
        for (let at = 0; at < chunk.length && !response.destroyed; at += fault.trickle.chunk) {
          response.write(chunk.subarray(at, at + fault.trickle.chunk));
          await wait(fault.trickle.everyMs);
        }
      } else if (!response.write(chunk)) {
        await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
      }
      sent += chunk.length;
    }
    response.end();
  }

  /** Reads a form without keeping its file: head and tail are small, what is between is hashed. */
  private async upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const boundary = `--${/boundary=(.+)$/.exec(request.headers['content-type'] ?? '')?.[1] ?? ''}`;
    const tailSize = Buffer.byteLength(`\r\n${boundary}--\r\n`);
    const hash = createHash('sha256');
    let head = '';
    let held = Buffer.alloc(0);
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (this.breaksUploads) {
        request.socket.destroy();
        return;
      }
      held = Buffer.concat([held, chunk]);
      if (head === '') {
        const file = held.indexOf('name="file"');
        const end = file < 0 ? -1 : held.indexOf('\r\n\r\n', file);
        if (end < 0) {
          continue;
        }
        head = held.subarray(0, end).toString('utf8');
        held = held.subarray(end + 4);
      }
      const body = held.subarray(0, Math.max(held.length - tailSize, 0));
      hash.update(body);
      size += body.length;
      held = Buffer.from(held.subarray(body.length));
    }
    const answer = this.uploadAnswer?.();
    if (answer) {
      json(response, answer.status, answer.body);
      return;
    }
    const upload = {
      id: String(randomBytes(6).readUIntBE(0, 6)),
      fields: Object.fromEntries(
        [...head.matchAll(/name="(\w+)"\r\n\r\n([^\r]*)/g)].map(([, name, value]) => [name, value]),
      ) as Record<string, string>,
      filename: /filename="([^"]*)"/.exec(head)?.[1] ?? '',
      contentType: /content-type: ([^\r]*)$/.exec(head)?.[1] ?? '',
      size,
      sha256: hash.digest('hex'),
    };
    this.uploads.push(upload);
    const { size: bytes, sha256: digest, contentType: mimeType } = upload;
    this.files.set(upload.id, { mimeType, size: bytes, sha256: digest, bytes: () => [] });
    json(response, 200, { id: upload.id });
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** The first bytes of files, as far as they tell their type. */
export const SAMPLES = {
  png: Buffer.from(
    '89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082',
    'hex',
  ),
  jpeg: Buffer.concat([Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'), Buffer.alloc(400, 7)]),
  mp4: ftyp('isom'),
  m4a: ftyp('M4A '),
  threegp: ftyp('3gp4'),
  webp: webp(0x00),
  animatedWebp: webp(0x02),
  pdf: Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n'),
  opus: ogg('OpusHead'),
  vorbis: ogg('\x01vorbis'),
  amr: Buffer.from('#!AMR\n<some sound>'),
  mp3: Buffer.concat([Buffer.from('fffb9064', 'hex'), Buffer.alloc(1_000)]),
  svg: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(document.cookie)</script></svg>'),
  xmlSvg: Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
  html: Buffer.from('<!doctype html><script>alert(1)</script>'),
  text: Buffer.from('Grüße, 世界 🎉\n'),
  csv: Buffer.from('a;b\n1;2\n'),
  zip: Buffer.concat([Buffer.from('504b0304140000000000', 'hex'), Buffer.alloc(40)]),
  cfb: Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(1_000)]),
} as const;

/** `sample`, filled up with zeros. */
export function sized(sample: Buffer, size: number): Buffer {
  return Buffer.concat([sample, Buffer.alloc(size - sample.length)]);
}

function ftyp(brand: string): Buffer {
  const box = Buffer.concat([Buffer.from('0000001866747970', 'hex'), Buffer.from(`${brand}\0\0\x02\0${brand}mp42`)]);
  return Buffer.concat([box, Buffer.from('000000086d646174', 'hex')]);
}

function webp(flags: number): Buffer {
  const body = Buffer.concat([Buffer.from('WEBPVP8X'), Buffer.from([10, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0])]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(body.length);
  return Buffer.concat([Buffer.from('RIFF'), size, body]);
}

function ogg(codec: string): Buffer {
  const header = Buffer.from('4f67675300020000000000000000010000000000000000000000', 'hex');
  return Buffer.concat([header, Buffer.from([1, 19]), Buffer.from(codec, 'latin1'), Buffer.alloc(60)]);
}
