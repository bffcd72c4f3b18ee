import { Injectable } from '@nestjs/common';
import type { Resolve } from '../../common/guarded-agent.js';

const S = 1_000;
const MINUTE = 60 * S;
const HOUR = 60 * MINUTE;

/** How events are delivered. Tests shorten what would take days. */
@Injectable()
export class EndpointSettings {
  /** Before each attempt, counted from the end of the one before. Source: Standard Webhooks, "Deliverability". */
  scheduleMs: readonly number[] = [
    0,
    5 * S,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
  ];
  /** Each pause is longer by up to this part of it, so that what failed together does not come back together. */
  jitter = 0.1;
  /** For everything, from the connection to the last byte of the answer. */
  timeoutMs = 15 * S;
  /** Names to addresses; null: as the system has it. */
  resolve: Resolve | null = null;
  /** Of one endpoint at once. */
  concurrency = 10;
  /** Endpoints that one process delivers to at once. */
  maxEndpoints = 256;
  /** So many failures in a row are an endpoint that is down: it rests, and is asked with one delivery at a time. */
  downAfter = 10;
  restMinMs = 5 * S;
  restMaxMs = 60 * S;
  /** Longest that a Retry-After is heeded. */
  retryAfterMaxMs = HOUR;
  /** Failing for so long without one success ends it. */
  disableAfterMs = 5 * 24 * HOUR;
  /** How soon an endpoint is told of exhausted deliveries again. */
  exhaustedAgainMs = HOUR;
  /** Longer than an attempt takes: who has not renewed it by then is dead. */
  leaseMs = 30 * S;
  /** How often the lease is renewed, and changes of the endpoint are seen. */
  heartbeatMs = S;
  /** How long a process that ends waits for answers. */
  farewellMs = 3 * S;
  /** A test of an endpoint that cannot be reached takes so long at least, whatever the reason: time tells nothing. */
  unreachableMs = 3.5 * S;
}
