import { Injectable } from '@nestjs/common';

/** How live streams behave. Tests shorten what would take long. */
@Injectable()
export class StreamSettings {
  /** A quiet stream says that it lives. */
  heartbeatMs = 15_000;
  /** Streams of this process; more get 503. */
  maxStreams = 2_000;
  /** What may wait for a client that reads slower than events come; beyond that its stream ends. */
  maxQueuedBytes = 256 * 1024;
  maxQueuedEvents = 1_000;
  /** How long a client that is being told of the past may take for what was written last. */
  stallMs = 30_000;
}
