import { Injectable, type OnModuleInit } from '@nestjs/common';
import { withoutPlus } from '../common/phone-number.js';
import { PeoplePorts, type Erasure } from '../contacts/people-ports.js';
import type { Tx } from '../database/database.js';
import { ErasedBodiesRepository, type BodyKey } from './erased-bodies.repository.js';
import { withoutPerson } from './erased-body.js';

const BATCH = 2_000;
const BATCH_BYTES = 32 * 1024 * 1024;

/** A person is forgotten: what Meta posted of them goes from the log, part by part of it. */
@Injectable()
export class WebhookErasure implements OnModuleInit {
  constructor(
    private readonly ports: PeoplePorts,
    private readonly bodies: ErasedBodiesRepository,
  ) {}

  onModuleInit(): void {
    this.ports.onErase((tx, act) => this.erase(tx, act));
  }

  private async erase(tx: Tx, { phones, userIds }: Erasure): Promise<void> {
    const person = { waIds: new Set(phones.map(withoutPlus)), userIds: new Set(userIds) };
    const needles = [...person.waIds, ...person.userIds].map((text) => Buffer.from(text));
    if (needles.length === 0) {
      return;
    }
    let after: BodyKey | null = null;
    do {
      const { found, last } = await this.bodies.search(tx, needles, after, BATCH, BATCH_BYTES);
      const rewritten = found.flatMap(({ body, ...key }) => {
        const rest = withoutPerson(body, person);
        return rest ? [{ ...key, body: rest }] : [];
      });
      if (rewritten.length > 0) {
        await this.bodies.replace(tx, rewritten);
      }
      after = last;
    } while (after);
  }
}
