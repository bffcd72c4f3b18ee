import { Process, Processor } from '@nestjs/bull';
import {
  Inject,
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Logger } from 'pino';
import { BackgroundLoop } from '../common/background-loop.js';
import { LOGGER } from '../config/logger.module.js';
import { QUEUES } from '../queues/queues.js';
import { MediaFetcher } from './media-fetcher.js';
import { MediaModule } from './media.module.js';
import { MediaRemover } from './media-remover.js';

/** Looks for files at least this often, with or without a hint. */
const POLL_MS = 1_000;

/** Keeps the fetcher and the remover at work. */
@Injectable()
export class MediaLoop implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly fetching: BackgroundLoop;
  private readonly removing: BackgroundLoop;

  constructor(fetcher: MediaFetcher, remover: MediaRemover, @Inject(LOGGER) logger: Logger) {
    this.fetching = new BackgroundLoop({
      everyMs: POLL_MS,
      // Ends at once; who ends a file wakes the loop for the next.
      round: () => fetcher.begin(() => this.fetching.wake()),
      onError: (error) => logger.error({ context: 'MediaLoop', err: error }, 'looking for files failed'),
    });
    this.removing = new BackgroundLoop({
      everyMs: POLL_MS,
      round: async (signal) => {
        while ((await remover.run(signal)) > 0 && !signal.aborted) {
          // As long as there are any.
        }
      },
      onError: (error) => logger.error({ context: 'MediaLoop', err: error }, 'deleting files failed'),
    });
  }

  onApplicationBootstrap(): void {
    this.fetching.start();
    this.removing.start();
  }

  wake(): void {
    this.fetching.wake();
    this.removing.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([this.fetching.stop(), this.removing.stop()]);
  }
}

@Processor('media-fetch')
export class MediaFetchProcessor {
  constructor(private readonly loop: MediaLoop) {}

  /** Only wakes the loops and returns. */
  @Process({ concurrency: QUEUES['media-fetch'].concurrency })
  wake(): void {
    this.loop.wake();
  }
}

@Module({ imports: [MediaModule], providers: [MediaLoop, MediaFetchProcessor] })
export class MediaWorkerModule {}
