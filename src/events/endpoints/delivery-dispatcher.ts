import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../../common/background-loop.js';
import { LOGGER } from '../../config/logger.module.js';
import { Database } from '../../database/database.js';
import { DeliverySettler } from './delivery-settler.js';
import { DeliveryWorkRepository, type HeldEndpoint } from './delivery-work.repository.js';
import { EndpointCaller } from './endpoint-caller.js';
import { EndpointDrain, type DrainTools } from './endpoint-drain.js';
import { EndpointSettings } from './endpoint-settings.js';
import { EndpointVault } from './endpoint-vault.js';

const EVERY_MS = 1_000;
const TIDY_EVERY_MS = 2_000;

/** Finds endpoints that wait to be told something: new events, second attempts, and what a worker that died left. */
@Injectable()
export class DeliveryDispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly running = new Map<number, { drain: EndpointDrain; work: Promise<void> }>();
  private readonly loop: BackgroundLoop;
  private readonly tools: DrainTools;
  private tidiedAt = -Infinity;
  private isFailing = false;

  constructor(
    private readonly database: Database,
    private readonly repository: DeliveryWorkRepository,
    private readonly settings: EndpointSettings,
    settler: DeliverySettler,
    caller: EndpointCaller,
    vault: EndpointVault,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.tools = { database, repository, settler, caller, vault, settings, logger };
    this.loop = new BackgroundLoop({
      everyMs: EVERY_MS,
      round: () => this.dispatch(),
      onError: (error) => this.complain(error, 'looking for deliveries failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  /** Before connections are closed: an answer that was broken off would look like a failure. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.loop.stop();
    await Promise.all([...this.running.values()].map(({ work }) => work));
  }

  /** There are new deliveries. */
  wake(): void {
    this.running.forEach(({ drain }) => drain.wake());
    this.loop.wake();
  }

  private async dispatch(): Promise<void> {
    if (performance.now() - this.tidiedAt >= TIDY_EVERY_MS) {
      this.tidiedAt = performance.now();
      await this.repository.cancelStranded(this.database);
    }
    const free = this.settings.maxEndpoints - this.running.size;
    if (free <= 0) {
      return;
    }
    const claimed = await this.repository.claim(this.database, free, [...this.running.keys()], this.settings.leaseMs);
    this.isFailing = false;
    claimed.forEach((endpoint) => this.begin(endpoint));
  }

  private begin(endpoint: HeldEndpoint): void {
    const drain = new EndpointDrain(endpoint, this.tools, this.stopping.signal);
    const work = drain
      .run()
      .catch((error: unknown) => this.complain(error, 'delivering to a webhook endpoint failed'))
      .finally(() => {
        this.running.delete(endpoint.id);
        this.loop.wake();
      });
    this.running.set(endpoint.id, { drain, work });
  }

  /** Once, not each half second while the database is away. */
  private complain(error: unknown, message: string): void {
    if (!this.isFailing) {
      this.isFailing = true;
      this.logger.error({ context: 'DeliveryDispatcher', err: error }, message);
    }
  }
}
