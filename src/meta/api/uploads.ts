import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { GraphClient, type GraphAccount, type GraphResult } from '../graph-client.js';
import { ambiguous } from '../graph-error.js';

/** A file that can be read from any byte on. */
export interface ResumableFile {
  filename: string;
  mimeType: string;
  size: number;
  open(offset: number): Promise<Readable>;
}

/** How often the rest of a file is sent after the connection broke. */
const MAX_RESUMES = 3;
/** Of a session's path, which has a signature in its query. What it has beyond this would be another path. */
const SESSION = /^upload:[A-Za-z0-9_.~%:=+-]+(\?[A-Za-z0-9_.~%:=&+-]*)?$/;

/** Source: Meta's guide of the Resumable Upload API. */
@Injectable()
export class UploadsApi {
  constructor(private readonly graph: GraphClient) {}

  /**
   * Gives Meta a file as sample for a review; the answer is its handle. What breaks off is resumed where Meta says it
   * stopped. Uploading twice does no harm.
   * @throws what opening or reading the file throws
   */
  async upload(account: GraphAccount, file: ResumableFile): Promise<GraphResult<{ handle: string }>> {
    const session = await this.graph.call<{ id?: unknown }>(account, {
      method: 'POST',
      // Meta's alias for the app that the token belongs to.
      path: 'app/uploads',
      query: { file_name: file.filename, file_length: file.size, file_type: file.mimeType },
      label: 'uploads',
    });
    if (!session.ok) {
      return session;
    }
    const { id } = session.body;
    if (typeof id !== 'string' || !SESSION.test(id)) {
      return { ok: false, failure: ambiguous('Meta started an upload without naming it.', 200) };
    }
    return this.send(account, id, file);
  }

  private async send(
    account: GraphAccount,
    session: string,
    file: ResumableFile,
  ): Promise<GraphResult<{ handle: string }>> {
    let offset = 0;
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.graph.call<{ h?: unknown }>(account, {
        method: 'POST',
        path: session,
        upload: { stream: await file.open(offset), size: file.size, offset },
        label: 'uploads',
      });
      if (answer.ok && typeof answer.body.h === 'string' && answer.body.h !== '') {
        return { ok: true, body: { handle: answer.body.h } };
      }
      const failure = answer.ok ? ambiguous('Meta took the file without giving it a handle.', 200) : answer.failure;
      const isPassing = failure.kind === 'ambiguous' || failure.kind === 'transient';
      const reached = isPassing && attempt < MAX_RESUMES ? await this.offsetOf(account, session) : null;
      if (reached === null || reached >= file.size) {
        return { ok: false, failure };
      }
      offset = reached;
    }
  }

  /** How many bytes Meta has; null when it does not say. */
  private async offsetOf(account: GraphAccount, session: string): Promise<number | null> {
    const answer = await this.graph.call<{ file_offset?: unknown }>(account, {
      method: 'GET',
      path: session,
      authorization: 'OAuth',
      label: 'uploads',
    });
    const offset = answer.ok ? Number(answer.body.file_offset) : Number.NaN;
    return Number.isSafeInteger(offset) && offset >= 0 ? offset : null;
  }
}
