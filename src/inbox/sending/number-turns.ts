import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { counter } from '../../common/metrics.js';
import { sleep } from '../../common/sleep.js';
import { within } from '../../common/within.js';
import { LOGGER } from '../../config/logger.module.js';
import { RedisLink } from '../../queues/redis-link.js';

/** Who sends from a number in bulk hosts it: single messages are its guests, and go first. */
export interface TurnHost {
  /** A single message wants to go out. @param grant to be called when the number has room for it */
  ask(id: string, grant: () => void): void;
  /** It was answered, or will never be sent. It may not have asked here, and may not have been granted its turn. */
  done(id: string): void;
}

export interface Hosting {
  /** Whether it hears of single messages; while Redis is away it does not, and they go out without asking. */
  readonly isHeard: boolean;
  close(): Promise<void>;
}

/** A single message's turn. Call `done` once, when Meta has answered. */
export interface Turn {
  done: () => void;
}

/** unheard: Redis is away, or too slow for us. */
type TurnOutcome = 'free' | 'granted' | 'late' | 'unheard';

interface Word {
  type: 'ask' | 'done';
  id: string;
  answerTo: string;
}

/** How long a single message waits. Tests that ask for the outcome wait longer: a busy machine decides nothing there. */
@Injectable()
export class TurnSettings {
  /** Longest for its turn: then it goes out without one. */
  mostWaitMs = 1_000;
  /** Longest for Redis. */
  deadlineMs = 200;
}

const turns = counter('parley_send_turns_total', 'Single messages by how they came to their turn', ['outcome']);

/**
 * Meta's limit of messages per second is the number's, and campaigns use all of it: so a single message tells the process
 * that sends them, wherever that is, and goes out when there is a place for it, within milliseconds. Where nobody sends in bulk
 * it goes out at once. It is a courtesy by way of Redis: without Redis nobody waits, and at worst Meta says "too many".
 */
@Injectable()
export class NumberTurns {
  private readonly hosts = new Map<string, TurnHost>();
  private readonly waiting = new Map<string, () => void>();
  private readonly answers = `parley:turn:${randomUUID()}`;
  private isHearing = false;
  private listening: Promise<unknown> | null = null;

  constructor(
    private readonly redis: RedisLink,
    private readonly settings: TurnSettings,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Waits for the number to have room. Never fails, and never waits for longer than a second. */
  async take(accountId: number): Promise<Turn> {
    if (this.redis.client.status !== 'ready') {
      turns.inc({ outcome: 'unheard' });
      return { done: () => undefined };
    }
    const id = randomUUID();
    const ended = new AbortController();
    this.waiting.set(id, () => ended.abort());
    const outcome = await this.ask(accountId, id, ended.signal);
    this.waiting.delete(id);
    turns.inc({ outcome });
    // Who did not hear us in time may have heard us all the same.
    return { done: outcome === 'free' ? () => undefined : () => void this.tell(accountId, id, 'done').catch(ignore) };
  }

  private async ask(accountId: number, id: string, granted: AbortSignal): Promise<TurnOutcome> {
    try {
      const isListening = await this.soon(this.listen()).then(() => true, ignore);
      const hosts = await this.tell(accountId, id, 'ask');
      if (hosts === 0) {
        return 'free';
      }
      if (isListening) {
        await sleep(this.settings.mostWaitMs, granted);
        return granted.aborted ? 'granted' : 'late';
      }
    } catch (error) {
      this.logger.debug({ context: 'NumberTurns', reason: (error as Error).message }, 'sent without a turn');
    }
    return 'unheard';
  }

  /** @returns how many processes heard it */
  private tell(accountId: number, id: string, type: Word['type']): Promise<number> {
    const word: Word = { type, id, answerTo: this.answers };
    return this.soon(this.redis.client.publish(this.channelOf(accountId), JSON.stringify(word)));
  }

  /** Hears of every single message of the number, until it is closed. */
  async host(accountId: number, host: TurnHost): Promise<Hosting> {
    const channel = this.channelOf(accountId);
    this.hosts.set(channel, host);
    const subscriber = this.connect();
    let isSubscribed = false;
    // When Redis is away, this is made up for when it is back.
    const subscribing = subscriber.subscribe(channel).then(() => {
      isSubscribed = true;
    }, ignore);
    await Promise.race([subscribing, sleep(this.settings.deadlineMs)]);
    return {
      get isHeard() {
        return isSubscribed && subscriber.status === 'ready';
      },
      close: async () => {
        this.hosts.delete(channel);
        const leaving = subscriber.unsubscribe(channel).catch(ignore);
        await Promise.race([leaving, sleep(this.settings.deadlineMs)]);
      },
    };
  }

  /** Channels, unlike keys, are not kept apart by the number of the Redis database. */
  private channelOf(accountId: number): string {
    return `parley:turns:${this.redis.client.options.db ?? 0}:${accountId}`;
  }

  private listen(): Promise<unknown> {
    this.listening ??= this.connect()
      .subscribe(this.answers)
      .catch((error: unknown) => {
        this.listening = null;
        throw error;
      });
    return this.listening;
  }

  private connect(): RedisLink['subscriber'] {
    const { subscriber } = this.redis;
    if (!this.isHearing) {
      this.isHearing = true;
      subscriber.on('message', (channel: string, text: string) => this.hear(channel, text));
    }
    return subscriber;
  }

  private soon<T>(work: Promise<T>): Promise<T> {
    return within(this.settings.deadlineMs, work, () => new Error('Redis takes too long'));
  }

  private hear(channel: string, text: string): void {
    if (channel === this.answers) {
      this.waiting.get(text)?.();
      return;
    }
    const word = readWord(text);
    const host = this.hosts.get(channel);
    if (word?.type === 'ask') {
      host?.ask(word.id, () => void this.redis.client.publish(word.answerTo, word.id).catch(ignore));
    } else if (word) {
      host?.done(word.id);
    }
  }
}

function ignore(): void {
  // Whoever asks goes on without.
}

function readWord(text: string): Word | null {
  try {
    return JSON.parse(text) as Word;
  } catch {
    return null;
  }
}
