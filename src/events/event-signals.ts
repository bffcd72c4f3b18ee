import { Inject, Injectable } from '@nestjs/common';
import pg from 'pg';
import type { Logger } from 'pino';
import { sleep } from '../common/sleep.js';
import { Config } from '../config/config.js';
import { LOGGER } from '../config/logger.module.js';
import { EVENTS_CHANNEL } from './events.repository.js';

const CONNECT_TIMEOUT_MS = 5_000;
/** How often the connection is tried, in ms: one that was cut without a word would stay silent for hours. */
const PROBE_EVERY_MS = 10_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
const GOODBYE_MS = 1_000;

/** Hears that events were numbered, on a connection of its own. A hint: who needs to know looks each second as well. */
@Injectable()
export class EventSignals {
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;

  constructor(
    private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Listens until {@link stop}; of several calls the first counts. */
  start(onSignal: () => void): void {
    this.running ??= this.run(onSignal);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(onSignal: () => void): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    const heard = (): void => {
      retryMs = FIRST_RETRY_MS;
      onSignal();
    };
    while (!this.stopping.signal.aborted) {
      try {
        await this.listen(heard);
      } catch (error) {
        this.logger.warn({ context: 'EventSignals', reason: (error as Error).message }, 'not listening for events');
      }
      await sleep(retryMs, this.stopping.signal);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    }
  }

  /** Returns when stopped, throws when the connection is lost. */
  private async listen(heard: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: this.config.databaseUrl,
      application_name: 'parley events',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    const lost = new Promise<never>((_resolve, reject) => {
      client.once('error', reject);
      client.once('end', () => reject(new Error('the connection ended')));
    });
    // While connecting, the same news comes by way of connect().
    lost.catch(() => undefined);
    try {
      await client.connect();
      client.on('notification', heard);
      await client.query(`listen ${EVENTS_CHANNEL}`);
      // Whatever was told while nobody listened.
      heard();
      await Promise.race([lost, this.probe(client)]);
    } finally {
      client.removeAllListeners('notification');
      client.on('error', () => undefined);
      const ended = new AbortController();
      await Promise.race([client.end().catch(() => undefined), sleep(GOODBYE_MS, ended.signal)]);
      ended.abort();
    }
  }

  private async probe(client: pg.Client): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await sleep(PROBE_EVERY_MS, signal);
      if (!signal.aborted) {
        await client.query('select 1');
      }
    }
  }
}
