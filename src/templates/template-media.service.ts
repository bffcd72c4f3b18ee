import { Injectable } from '@nestjs/common';
import type { Account } from '../accounts/account.js';
import { AppError } from '../common/app-error.js';
import { MediaService } from '../media/media.service.js';
import { isLink, type KnownMedia, type MediaReference } from './template-send-header.js';

/** How long Meta's name of a file is taken as it was found: a campaign asks for the same file every second. */
const KEPT_MS = 60_000;
/** A file that cannot be had is asked for again soon, but not at once for every message. */
const REFUSAL_KEPT_MS = 1_000;
const MOST_KEPT = 5_000;

interface Kept {
  name: Promise<{ mediaId: string; filename: string | null }>;
  until: number;
}

/** What Meta calls the files that templates show, renewed where Meta has forgotten them. */
@Injectable()
export class TemplateMedia {
  private readonly kept = new Map<string, Kept>();

  constructor(private readonly media: MediaService) {}

  /**
   * Looks each file up once, for one send or for all of a campaign.
   * @throws `400 validation_failed` for a file of another kind; `media_gone`; `graph_error` when Meta refuses the file
   */
  async known(account: Account, references: readonly MediaReference[]): Promise<KnownMedia> {
    const wanted = new Map(
      references.filter(({ reference }) => !isLink(reference)).map((each) => [each.reference, each]),
    );
    return new Map(
      await Promise.all(
        [...wanted].map(async ([reference, each]) => [reference, await this.nameOf(account, each)] as const),
      ),
    );
  }

  /** Why files cannot be shown, in words, as far as it can be known without asking Meta: such a file would stop every send. */
  async findRefused(account: Account, references: readonly MediaReference[]): Promise<string[]> {
    const refused = new Set<string>();
    for (const { reference, mediaType } of references.filter((each) => !isLink(each.reference))) {
      await this.media.requireNamed(account, reference, mediaType, 'header').catch((error: unknown) => {
        if (!(error instanceof AppError)) {
          throw error;
        }
        refused.add(error.message);
      });
    }
    return [...refused];
  }

  private nameOf(account: Account, { reference, mediaType }: MediaReference): Kept['name'] {
    const key = `${account.id}/${mediaType}/${reference}`;
    const kept = this.kept.get(key);
    if (kept && kept.until > performance.now()) {
      return kept.name;
    }
    const name = this.media
      .namedForSend(account, reference, mediaType, 'header')
      .then(({ mediaId, filename }) => ({ mediaId, filename }));
    if (this.kept.size >= MOST_KEPT) {
      this.kept.clear();
    }
    const entry = { name, until: performance.now() + KEPT_MS };
    name.catch(() => {
      entry.until = performance.now() + REFUSAL_KEPT_MS;
    });
    this.kept.set(key, entry);
    return name;
  }
}
